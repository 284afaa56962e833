// Frames of a bulk connection, inside TLS:
//
//   0        1                5                9
//   | kind   | request id     | length         | payload ...      (numbers big-endian)
//
// Proofs, requests and failures are CBOR, which the two ends of the transport read; here they are bytes. A chunk is one frame. Its bytes
// go where the receiver wants them as they come; nobody can make a receiver allocate more than it asked for.
#ifndef HOLDFAST_TRANSFER_BULK_FRAME_H_
#define HOLDFAST_TRANSFER_BULK_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "memory/chunk_write.h"
#include "os/status.h"

namespace holdfast {

enum class BulkFrameKind : uint8_t {
  kProof = 0,
  kRequest = 1,
  kCancel = 2,
  // The bytes of a chunk.
  kData = 3,
  // The peer does not hold the chunk.
  kMissing = 4,
  kFailure = 5,
};

inline constexpr size_t kBulkHeaderBytes = 9;
// Every frame but kData is small.
inline constexpr size_t kBulkSmallBytesMax = 4096;

struct BulkHeader {
  uint8_t kind = 0;
  uint32_t id = 0;
  uint32_t length_bytes = 0;
};

std::array<uint8_t, kBulkHeaderBytes> EncodeBulkHeader(const BulkHeader& header);
BulkHeader DecodeBulkHeader(const uint8_t* bytes);

// Takes frames apart as their bytes come.
class BulkFrameReader {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // A small frame is complete. An error ends the connection.
    virtual Status OnSmallFrame(const BulkHeader& header, std::string payload) = 0;
    // A kData frame begins. An error ends the connection.
    virtual Status OnDataBegin(const BulkHeader& header) = 0;
    // Where its next bytes go: as ChunkWrite::Write does. Never fails: what cannot be kept is dropped.
    virtual size_t OnDataPiece(const BulkHeader& header, size_t size_bytes, const ChunkWrite::Producer& producer) = 0;
    virtual void OnDataEnd(const BulkHeader& header) = 0;
  };

  explicit BulkFrameReader(Handler* handler) : handler_(handler) {}

  // One step: lets `producer` write the next bytes of the stream to where they belong. `*moved_bytes` 0: it had none.
  Status Step(const ChunkWrite::Producer& producer, size_t* moved_bytes);

 private:
  Status OnHeader();

  Handler* const handler_;
  std::array<uint8_t, kBulkHeaderBytes> raw_header_ = {};
  size_t header_bytes_ = 0;
  BulkHeader header_;
  // Of the payload.
  size_t filled_bytes_ = 0;
  std::string payload_;
};

}  // namespace holdfast

#endif  // HOLDFAST_TRANSFER_BULK_FRAME_H_
