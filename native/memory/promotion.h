// Reads a blob of the disk tier into memory on several threads; many callers share one read.
#ifndef HOLDFAST_SRC_PROMOTION_H_
#define HOLDFAST_SRC_PROMOTION_H_

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "os/digest.h"
#include "disk/disk_tier.h"
#include "memory/blob_check.h"
#include "memory/memory_budget.h"
#include "os/mutex.h"
#include "os/status.h"
#include "memory/catalog.h"
#include "os/thread_pool.h"

namespace holdfast {

class ExportFolder;

class Promoter {
 public:
  using Done = std::function<void(Status)>;

  // `folder`: where segments are exported; null when they are not.
  Promoter(std::shared_ptr<DiskTier> disk, std::shared_ptr<MemoryBudget> budget, std::shared_ptr<ExportFolder> folder, Catalog* catalog,
           ThreadPool* pool)
      : disk_(std::move(disk)), budget_(std::move(budget)), folder_(std::move(folder)), catalog_(catalog), pool_(pool) {}

  // Joins a running read of the same blob. `done` is called once, on a thread of the pool or inside this call. With a proof the bytes are
  // held against it while they come; a blob that is not what it was is given up, and DISK_FAILED. BAD_REQUEST for a proof of another blob.
  void Promote(const Digest& digest, std::unique_ptr<const BlobProof> proof, Done done);

 private:
  struct Read;

  Status Begin(const Digest& digest, std::unique_ptr<const BlobProof> proof, Read* read);
  void RunSlices(const std::shared_ptr<Read>& read);
  static void Fail(Read* read, Status status);
  void Leave(const std::shared_ptr<Read>& read);
  Status ReadSlice(Read* read, uint64_t offset_bytes);
  void End(const std::shared_ptr<Read>& read, Status status);

  const std::shared_ptr<DiskTier> disk_;
  const std::shared_ptr<MemoryBudget> budget_;
  const std::shared_ptr<ExportFolder> folder_;
  Catalog* const catalog_;
  ThreadPool* const pool_;
  Mutex mutex_;
  // The waiters of each running read.
  std::unordered_map<Digest, std::vector<Done>, DigestHash> waiting_ GUARDED_BY(mutex_);
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_PROMOTION_H_
