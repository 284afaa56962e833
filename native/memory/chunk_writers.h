// The two writers of a chunk that a fill hands out: one writes into the segment, each other one into memory of its own.
#ifndef HOLDFAST_MEMORY_CHUNK_WRITERS_H_
#define HOLDFAST_MEMORY_CHUNK_WRITERS_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "memory/chunk_write.h"
#include "memory/segment.h"
#include "os/digest.h"
#include "os/mutex.h"
#include "os/status.h"

namespace holdfast {

// The right of one writer to write into the segment.
struct Claim {
  Mutex mutex;
  bool revoked GUARDED_BY(mutex) = false;

  void Revoke() {
    MutexLock lock(&mutex);
    revoked = true;
  }
};

// A fill, as its writers see it. From any thread.
class ChunkKeeper {
 public:
  virtual ~ChunkKeeper() = default;
  virtual const Digest& chunk_digest(uint32_t index) const = 0;
  virtual uint64_t chunk_bytes(uint32_t index) const = 0;
  virtual uint64_t chunk_offset_bytes(uint32_t index) const = 0;
  // The bytes under `claim` are verified. OK when they, or those of another writer, are the chunk now.
  virtual Status KeepClaimed(uint32_t index, const Claim* claim) = 0;
  virtual void GiveUp(uint32_t index, const Claim* claim) = 0;
  // Copies verified bytes into place, on a thread of the store, and calls `done` there.
  virtual void KeepLater(uint32_t index, std::shared_ptr<uint8_t[]> bytes, std::function<void(Status)> done) = 0;
  virtual Status WrongBytes(uint32_t index) const = 0;
};

std::unique_ptr<ChunkWrite> WriteIntoSegment(std::shared_ptr<ChunkKeeper> keeper, uint32_t index, std::shared_ptr<Segment> segment,
                                             std::shared_ptr<Claim> claim);
std::unique_ptr<ChunkWrite> WriteIntoMemory(std::shared_ptr<ChunkKeeper> keeper, uint32_t index);

}  // namespace holdfast

#endif  // HOLDFAST_MEMORY_CHUNK_WRITERS_H_
