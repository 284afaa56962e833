#include "wire/protocol.h"

#include <bit>
#include <cstring>
#include <iterator>

namespace holdfast {

static_assert(std::endian::native == std::endian::little, "frames are little-endian");

namespace {

constexpr size_t kHeaderBytes = 8;
constexpr size_t kStrBytesMax = 0xffff;
constexpr char kMagic[] = "HOLDFAST";
// An error explains; it does not carry data.
constexpr size_t kMessageBytesMax = 4096;

}  // namespace

FrameWriter::FrameWriter(FrameType type, uint32_t request) {
  const uint8_t head[4] = {static_cast<uint8_t>(type), kFrameForm, 0, 0};
  Raw(head, sizeof head).U32(request);
}

FrameWriter& FrameWriter::U8(uint8_t value) { return Raw(&value, sizeof value); }
FrameWriter& FrameWriter::U16(uint16_t value) { return Raw(&value, sizeof value); }
FrameWriter& FrameWriter::U32(uint32_t value) { return Raw(&value, sizeof value); }
FrameWriter& FrameWriter::U64(uint64_t value) { return Raw(&value, sizeof value); }

FrameWriter& FrameWriter::Raw(const void* data, size_t size_bytes) {
  bytes_.append(static_cast<const char*>(data), size_bytes);
  return *this;
}

FrameWriter& FrameWriter::Str(std::string_view text) {
  text = text.substr(0, kStrBytesMax);
  return U16(static_cast<uint16_t>(text.size())).Raw(text.data(), text.size());
}

void FrameWriter::PatchU32(size_t at, uint32_t value) { std::memcpy(bytes_.data() + at, &value, sizeof value); }

FrameReader::FrameReader(const uint8_t* data, size_t size_bytes) : data_(data), size_bytes_(size_bytes) {
  uint8_t head[4] = {};
  Raw(head, sizeof head);
  request_ = U32();
  type_ = static_cast<FrameType>(head[0]);
  if (head[2] != 0 || head[3] != 0 || size_bytes < kHeaderBytes || size_bytes > kFrameBytesMax) ok_ = false;
}

bool FrameReader::Take(size_t size_bytes) {
  if (!ok_ || size_bytes > size_bytes_ - position_) {
    ok_ = false;
    return false;
  }
  position_ += size_bytes;
  return true;
}

void FrameReader::Raw(void* target, size_t size_bytes) {
  if (Take(size_bytes)) {
    std::memcpy(target, data_ + position_ - size_bytes, size_bytes);
  } else {
    std::memset(target, 0, size_bytes);
  }
}

uint8_t FrameReader::U8() {
  uint8_t value;
  Raw(&value, sizeof value);
  return value;
}

uint16_t FrameReader::U16() {
  uint16_t value;
  Raw(&value, sizeof value);
  return value;
}

uint32_t FrameReader::U32() {
  uint32_t value;
  Raw(&value, sizeof value);
  return value;
}

uint64_t FrameReader::U64() {
  uint64_t value;
  Raw(&value, sizeof value);
  return value;
}

std::string_view FrameReader::Str() {
  const size_t size_bytes = U16();
  if (!Take(size_bytes)) return {};
  return {reinterpret_cast<const char*>(data_ + position_ - size_bytes), size_bytes};
}

namespace {

constexpr uint64_t StoreCounters::* kCounters[] = {
    &StoreCounters::memory_used_bytes, &StoreCounters::memory_limit_bytes, &StoreCounters::disk_used_bytes,
    &StoreCounters::disk_limit_bytes,  &StoreCounters::segments,           &StoreCounters::leases,
    &StoreCounters::connections,
};

}  // namespace

std::string CountersFrame(uint32_t request, const StoreCounters& counters) {
  FrameWriter writer(FrameType::kCounters, request);
  writer.U32(std::size(kCounters));
  for (const auto counter : kCounters) writer.U64(counters.*counter);
  return writer.Take();
}

bool ReadCounters(FrameReader* frame, StoreCounters* counters) {
  const uint32_t count = frame->U32();
  for (uint32_t i = 0; i < count && frame->ok(); i++) {
    const uint64_t value = frame->U64();
    if (i < std::size(kCounters)) counters->*kCounters[i] = value;
  }
  return frame->AtEnd();
}

std::string HelloFrame(uint16_t oldest_version, uint16_t newest_version) {
  return FrameWriter(FrameType::kHello, 0).Raw(kMagic, 8).U16(oldest_version).U16(newest_version).Take();
}

std::string ErrorFrame(uint32_t request, std::string_view code, std::string_view message) {
  return FrameWriter(FrameType::kError, request).Str(code.substr(0, 64)).Str(message.substr(0, kMessageBytesMax)).Take();
}

}  // namespace holdfast
