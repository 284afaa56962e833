// One chunk on its way in, piece by piece: the bytes are written where they will stay, and hashed while they are in the cache.
#ifndef HOLDFAST_MEMORY_CHUNK_WRITE_H_
#define HOLDFAST_MEMORY_CHUNK_WRITE_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "os/status.h"

namespace holdfast {

// Used by one thread at a time. Destroyed before End, it gives the chunk up, which may then be begun again.
class ChunkWrite {
 public:
  // Writes at most `size_bytes` to `data`, at once; returns how many.
  using Producer = std::function<size_t(uint8_t* data, size_t size_bytes)>;

  virtual ~ChunkWrite() = default;
  ChunkWrite(const ChunkWrite&) = delete;
  ChunkWrite& operator=(const ChunkWrite&) = delete;

  virtual uint64_t missing_bytes() const = 0;
  // Lets `producer` write what comes next, once. MEMORY_FULL when the machine has no page for it:
  // the bytes that `producer` wrote count all the same, and are lost.
  virtual Status Write(const Producer& producer, size_t* written_bytes) = 0;
  // Once, when nothing is missing. `done` is called once, here or on a thread of the store: OK when the chunk is verified and kept,
  // by this writer or another; DIGEST_MISMATCH when the bytes are not the chunk, whoever else has brought it.
  virtual void End(std::function<void(Status)> done) = 0;

 protected:
  ChunkWrite() = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_MEMORY_CHUNK_WRITE_H_
