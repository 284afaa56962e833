// Invariant: header_bytes_ is kBulkHeaderBytes exactly while a payload is being read; header_ is that of this payload then.
#include "transfer/bulk_frame.h"

namespace holdfast {

namespace {

void PutU32(uint8_t* target, uint32_t value) {
  for (int i = 0; i < 4; i++) target[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

uint32_t GetU32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
}

bool IsData(const BulkHeader& header) { return header.kind == static_cast<uint8_t>(BulkFrameKind::kData); }

}  // namespace

std::array<uint8_t, kBulkHeaderBytes> EncodeBulkHeader(const BulkHeader& header) {
  std::array<uint8_t, kBulkHeaderBytes> bytes;
  bytes[0] = header.kind;
  PutU32(bytes.data() + 1, header.id);
  PutU32(bytes.data() + 5, header.length_bytes);
  return bytes;
}

BulkHeader DecodeBulkHeader(const uint8_t* bytes) {
  return {.kind = bytes[0], .id = GetU32(bytes + 1), .length_bytes = GetU32(bytes + 5)};
}

Status BulkFrameReader::Step(const ChunkWrite::Producer& producer, size_t* moved_bytes) {
  if (header_bytes_ < kBulkHeaderBytes) {
    *moved_bytes = producer(raw_header_.data() + header_bytes_, kBulkHeaderBytes - header_bytes_);
    header_bytes_ += *moved_bytes;
    if (header_bytes_ < kBulkHeaderBytes) return Status();
    Status status = OnHeader();
    if (!status.ok() || header_.length_bytes > 0) return status;
  } else if (IsData(header_)) {
    *moved_bytes = handler_->OnDataPiece(header_, header_.length_bytes - filled_bytes_, producer);
    filled_bytes_ += *moved_bytes;
  } else {
    *moved_bytes = producer(reinterpret_cast<uint8_t*>(payload_.data()) + filled_bytes_, payload_.size() - filled_bytes_);
    filled_bytes_ += *moved_bytes;
  }
  if (filled_bytes_ < header_.length_bytes) return Status();
  header_bytes_ = 0;
  if (!IsData(header_)) return handler_->OnSmallFrame(header_, std::move(payload_));
  handler_->OnDataEnd(header_);
  return Status();
}

Status BulkFrameReader::OnHeader() {
  header_ = DecodeBulkHeader(raw_header_.data());
  filled_bytes_ = 0;
  if (IsData(header_)) return handler_->OnDataBegin(header_);
  if (header_.length_bytes > kBulkSmallBytesMax) {
    return Status::Error(code::kPeerProtocol, "A frame of kind " + std::to_string(header_.kind) + " announces " +
                                                  std::to_string(header_.length_bytes) + " bytes.");
  }
  payload_.assign(header_.length_bytes, '\0');
  return Status();
}

}  // namespace holdfast
