// One blob on its way in: chunks in any order and from several threads, each verified before it is stored.
#ifndef HOLDFAST_FILL_H_
#define HOLDFAST_FILL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "os/digest.h"
#include "disk/disk_tier.h"
#include "memory/chunk_write.h"
#include "memory/segment.h"
#include "os/status.h"
#include "os/thread_pool.h"

namespace holdfast {

struct ChunkSpec {
  Digest digest;
  uint64_t size_bytes = 0;
};

struct BlobSpec {
  Digest digest;
  uint64_t size_bytes = 0;
  std::vector<ChunkSpec> chunks;
};

// BAD_REQUEST unless the chunks are non-empty, sum to the size of the blob, and have its digest as the id of their list (blob_id.h): the
// digests of the chunks then prove the whole.
Status ValidateBlobSpec(const BlobSpec& spec);

class ReadyBitmap;

// What a fill writes to. At least one of segment and partial; `present` instead when the blob needs no bytes.
struct FillTargets {
  std::shared_ptr<Segment> segment;
  // Tells clients that have the arriving segment open; may be null.
  std::shared_ptr<ReadyBitmap> ready;
  std::unique_ptr<PartialBlob> partial;
  bool present = false;
};

class Fill {
 public:
  // Called once, when the fill ends: with the sealed segment after a good finish that had one, else with null.
  using OnEnd = std::function<void(std::shared_ptr<Segment>)>;

  // `pool` outlives the fill's use. `spec` has been validated.
  static std::shared_ptr<Fill> Create(BlobSpec spec, FillTargets targets, ThreadPool* pool, OnEnd on_end);
  // Ends the fill as Abort(keep_partial = true) does.
  virtual ~Fill() = default;
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  virtual const Digest& digest() const = 0;
  // Verifies what an earlier fill left on disk; returns the indices of the chunks that need not come again.
  virtual Status Recover(std::vector<uint32_t>* indices) = 0;
  // DIGEST_MISMATCH when the bytes are not that chunk; nothing is stored then. A chunk that is there already is accepted.
  virtual Status PutChunk(uint32_t index, const uint8_t* data, size_t size_bytes) = 0;
  // The same for bytes that come piece by piece. One writer writes into the segment. A second one of the same chunk has a buffer, and
  // takes the place over when it is first at the end: a slow writer holds nobody up. A writer may outlive the fill, and then keeps nothing.
  virtual Status BeginChunk(uint32_t index, std::unique_ptr<ChunkWrite>* write) = 0;
  // Copies a range of which every chunk is verified and in place. False when some are not, or when the fill has ended.
  virtual bool ReadVerified(uint64_t offset_bytes, uint64_t size_bytes, uint8_t* target) = 0;
  virtual uint64_t size_bytes() const = 0;
  // BAD_REQUEST while chunks are missing.
  virtual Status Finish() = 0;
  // Waits for running PutChunk calls. Nothing happens after a finish. Clients with the arriving segment open get `reason`.
  virtual void Abort(bool keep_partial, const Status& reason) = 0;

 protected:
  Fill() = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_FILL_H_
