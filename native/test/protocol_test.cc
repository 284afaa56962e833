#include "wire/protocol.h"

#include <cstring>

#include "harness.h"

namespace holdfast::test {

FrameReader ReaderOf(const std::string& bytes) {
  return FrameReader(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

TEST(AFrameComesBackAsItWasWritten) {
  FrameWriter writer(FrameType::kOpen, 77);
  const std::string bytes = writer.U16(65535).U32(4000000000u).U64(uint64_t{5} << 32 | 7).Str("acme/x:v1").Str("").Take();
  FrameReader reader = ReaderOf(bytes);
  CHECK(reader.ok() && reader.type() == FrameType::kOpen && reader.request() == 77);
  CHECK(reader.U16() == 65535 && reader.U32() == 4000000000u && reader.U64() == (uint64_t{5} << 32 | 7));
  CHECK(reader.Str() == "acme/x:v1" && reader.Str().empty() && reader.AtEnd());
  CHECK(reader.U16() == 0 && !reader.ok());
}

TEST(EveryTruncationIsNoticed) {
  const std::string whole = FrameWriter(FrameType::kOpen, 1).U64(9).Str("name").Str("tenant").Take();
  for (size_t size = 0; size < whole.size(); size++) {
    const std::string part = whole.substr(0, size);
    FrameReader reader = ReaderOf(part);
    reader.U64();
    reader.Str();
    reader.Str();
    CHECK(!reader.AtEnd());
  }
  const std::string extended = whole + "x";
  FrameReader longer = ReaderOf(extended);
  longer.U64();
  longer.Str();
  longer.Str();
  CHECK(longer.ok() && !longer.AtEnd());
}

TEST(ReservedBytesAndSizesAreChecked) {
  std::string bytes = FrameWriter(FrameType::kOpen, 1).Take();
  bytes[2] = 1;
  CHECK(!ReaderOf(bytes).ok());
  const std::string oversized(kFrameBytesMax + 1, '\0');
  CHECK(!ReaderOf(oversized).ok());
}

TEST(RandomBytesNeverReadOutside) {
  for (uint64_t seed = 0; seed < 20000; seed++) {
    std::vector<uint8_t> bytes = Bytes(seed % 97, seed);
    if (bytes.size() > 4) bytes[2] = bytes[3] = 0;
    FrameReader reader(bytes.data(), bytes.size());
    reader.U64();
    const std::string_view text = reader.Str();
    CHECK(text.empty() || (text.data() >= reinterpret_cast<const char*>(bytes.data()) &&
                           text.data() + text.size() <= reinterpret_cast<const char*>(bytes.data()) + bytes.size()));
    uint8_t raw[32];
    reader.Raw(raw, sizeof raw);
  }
}

}  // namespace holdfast::test
