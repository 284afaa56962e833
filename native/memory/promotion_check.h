// Hashes a blob chunk by chunk while slices of it are read into memory: a chunk is hashed by the thread that brings its last slice.
#ifndef HOLDFAST_SRC_PROMOTION_CHECK_H_
#define HOLDFAST_SRC_PROMOTION_CHECK_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory/blob_check.h"
#include "memory/ready_bitmap.h"
#include "os/digest.h"
#include "os/status.h"

namespace holdfast {

class PromotionCheck {
 public:
  // `proof` is valid for the blob. Without one every slice counts as a chunk, and nothing is hashed.
  PromotionCheck(const Digest& id, uint64_t size_bytes, uint64_t slice_bytes, std::unique_ptr<const BlobProof> proof);

  // Where chunks end: what a client may wait for.
  const std::vector<uint64_t>& ends() const { return ends_; }
  // The slice is in memory at its place behind `data`. Marks the chunks that are complete and known to be right; DISK_FAILED when one is
  // wrong. Each slice once, from any thread.
  Status OnSlice(uint64_t slice, const uint8_t* data, ReadyBitmap* ready);
  // After all slices: whether they are the blob.
  Status OnEnd() const;

 private:
  Status CheckChunk(size_t chunk, const uint8_t* data, ReadyBitmap* ready);
  Status Damaged() const;
  uint64_t BeginOf(size_t chunk) const { return chunk == 0 ? 0 : ends_[chunk - 1]; }

  const Digest id_;
  const uint64_t size_bytes_;
  const uint64_t slice_bytes_;
  const std::unique_ptr<const BlobProof> proof_;
  std::vector<uint64_t> ends_;
  // Slices that each chunk still waits for.
  std::unique_ptr<std::atomic<uint32_t>[]> missing_;
  // Of each chunk, where nobody states them.
  std::vector<Digest> found_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_PROMOTION_CHECK_H_
