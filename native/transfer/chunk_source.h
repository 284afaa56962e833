// Where the bytes of a chunk come from that a peer has asked for.
#ifndef HOLDFAST_TRANSFER_CHUNK_SOURCE_H_
#define HOLDFAST_TRANSFER_CHUNK_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "memory/store.h"
#include "os/digest.h"
#include "os/status.h"

namespace holdfast {

// Used by one thread at a time.
class ChunkSource {
 public:
  struct Piece {
    const uint8_t* data = nullptr;
    // 0: not there yet.
    size_t size_bytes = 0;
  };

  virtual ~ChunkSource() = default;
  ChunkSource(const ChunkSource&) = delete;
  ChunkSource& operator=(const ChunkSource&) = delete;

  virtual uint64_t size_bytes() const = 0;
  // What stands at `at_bytes`, valid until the next call. When it is not there yet, `wake` is called once it is, from any thread. `at_bytes`
  // never goes back.
  virtual Status Next(uint64_t at_bytes, const std::function<void()>& wake, Piece* piece) = 0;

 protected:
  ChunkSource() = default;
};

std::unique_ptr<ChunkSource> SourceOfBytes(std::vector<uint8_t> bytes);

// A range of a blob of the store: read from its segment, or from the disk ahead, on threads of the store; piece by piece. `opened` is
// called once, inside this call or on a thread of the store; with null when the store does not hold the range, or does not hold it yet.
void OpenStoreSource(std::shared_ptr<Store> store, const Digest& blob, uint64_t offset_bytes, uint64_t size_bytes,
                     std::function<void(Status, std::unique_ptr<ChunkSource>)> opened);

}  // namespace holdfast

#endif  // HOLDFAST_TRANSFER_CHUNK_SOURCE_H_
