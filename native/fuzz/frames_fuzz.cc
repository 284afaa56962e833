// Frames of a bulk connection, cut at any place: what the reader tells has to be what a plain reading of the whole tells, and no more is
// allocated than a small frame may have.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "transfer/bulk_frame.h"

namespace holdfast {

namespace {

void Require(bool good) {
  if (!good) std::abort();
}

// What a stream says: its small frames, and the lengths and sums of its data frames.
struct Told final : public BulkFrameReader::Handler {
  std::vector<std::string> frames;
  uint64_t data_bytes = 0;
  uint64_t data_sum = 0;

  Status OnSmallFrame(const BulkHeader& header, std::string payload) override {
    Require(payload.size() == header.length_bytes && payload.size() <= kBulkSmallBytesMax);
    frames.push_back(std::to_string(header.kind) + ":" + std::to_string(header.id) + ":" + payload);
    return header.kind == 250 ? Status::Error(code::kPeerProtocol, "On purpose.") : Status();
  }
  Status OnDataBegin(const BulkHeader& header) override {
    frames.push_back("data:" + std::to_string(header.id) + ":" + std::to_string(header.length_bytes));
    return header.id == 77 ? Status::Error(code::kPeerProtocol, "On purpose.") : Status();
  }
  size_t OnDataPiece(const BulkHeader&, size_t size_bytes, const ChunkWrite::Producer& producer) override {
    std::vector<uint8_t> piece(std::min<size_t>(size_bytes, 100));
    const size_t got = producer(piece.data(), piece.size());
    for (size_t i = 0; i < got; i++) data_sum = data_sum * 31 + piece[i];
    data_bytes += got;
    return got;
  }
  void OnDataEnd(const BulkHeader&) override { frames.push_back("end"); }
};

// `cuts`: how many bytes each read has at most; it comes round again.
Told Read(const uint8_t* data, size_t size, const std::vector<uint8_t>& cuts) {
  Told told;
  BulkFrameReader reader(&told);
  size_t at = 0;
  size_t cut = 0;
  while (at < size) {
    const size_t before = at;
    size_t moved = 0;
    const Status status = reader.Step(
        [&](uint8_t* target, size_t room) {
          const size_t part = std::min({room, size - at, size_t{cuts[cut++ % cuts.size()]} + 1});
          std::copy_n(data + at, part, target);
          at += part;
          return part;
        },
        &moved);
    Require(moved == at - before);
    if (!status.ok()) {
      told.frames.push_back("broken");
      break;
    }
  }
  return told;
}

}  // namespace

}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast;
  if (size < 4) return 0;
  const std::vector<uint8_t> cuts(data, data + 4);
  const Told cut = Read(data + 4, size - 4, cuts);
  const Told whole = Read(data + 4, size - 4, {255});
  Require(cut.frames == whole.frames && cut.data_bytes == whole.data_bytes && cut.data_sum == whole.data_sum);
  return 0;
}
