// Where the bytes of a chunk go that was asked of a peer.
#ifndef HOLDFAST_TRANSFER_CHUNK_SINKS_H_
#define HOLDFAST_TRANSFER_CHUNK_SINKS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "memory/chunk_write.h"
#include "memory/fill.h"
#include "os/status.h"
#include "os/thread_pool.h"

namespace holdfast {

struct FillPlace {
  std::shared_ptr<Fill> fill;
  uint32_t index = 0;
  uint64_t offset_bytes = 0;
};

// Into the first place as the bytes come, verified; then copied to the others, on a thread of the pool, which outlives the use.
// BAD_REQUEST when a fill has ended.
Status BeginInPlaces(std::vector<FillPlace> places, uint64_t size_bytes, ThreadPool* pool, std::unique_ptr<ChunkWrite>* write);

// Into memory, unverified. `bytes` has the size of the chunk.
std::unique_ptr<ChunkWrite> BeginInMemory(std::shared_ptr<std::vector<uint8_t>> bytes);

}  // namespace holdfast

#endif  // HOLDFAST_TRANSFER_CHUNK_SINKS_H_
