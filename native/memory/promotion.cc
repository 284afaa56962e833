// Invariants: a blob has an entry in waiting_ exactly while one read of it runs. The threads of a read take slices from a
// shared counter; the last one to leave ends the read, so that no thread waits for another.
//
// A blob was hashed when it was written, and disks forget: it is hashed again here, by the threads that read it, unless the caller has no proof.
#include "memory/promotion.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "disk/blob_reader.h"
#include "memory/promotion_check.h"
#include "memory/segment.h"
#include "os/unique_fd.h"
#include "memory/ready_bitmap.h"

namespace holdfast {

namespace {

// Large enough for the disk's full speed; small enough that one thread makes pages for a small model while another's are being filled,
// and that a closing store waits only for milliseconds.
constexpr uint64_t kSliceBytes = 1 << 20;
// More readers than this do not make a disk faster, and would keep hashing off the pool.
constexpr int kReadersMax = 4;

}  // namespace

struct Promoter::Read {
  Digest digest;
  uint64_t size_bytes = 0;
  std::unique_ptr<BlobReader> blob;
  std::shared_ptr<Segment> segment;
  // Null for an empty blob.
  std::shared_ptr<ReadyBitmap> ready;
  std::unique_ptr<PromotionCheck> check;
  std::atomic<uint64_t> next_bytes = 0;
  std::atomic<int> readers = 0;
  std::atomic<bool> failed = false;
  Mutex mutex;
  Status status GUARDED_BY(mutex);
};

void Promoter::Promote(const Digest& digest, std::unique_ptr<const BlobProof> proof, Done done) {
  {
    MutexLock lock(&mutex_);
    std::vector<Done>& waiting = waiting_[digest];
    waiting.push_back(std::move(done));
    if (waiting.size() > 1) return;
  }
  auto read = std::make_shared<Read>();
  read->digest = digest;
  Status status;
  if (catalog_->FindSegment(digest) != nullptr) return End(read, status);
  status = Begin(digest, std::move(proof), read.get());
  if (!status.ok()) return End(read, status);
  const uint64_t slices = std::max<uint64_t>(1, (read->size_bytes + kSliceBytes - 1) / kSliceBytes);
  const int readers = static_cast<int>(std::min<uint64_t>({slices, kReadersMax, static_cast<uint64_t>(pool_->thread_count())}));
  read->readers = readers;
  for (int i = 0; i < readers; i++) {
    if (pool_->Submit([this, read] { RunSlices(read); })) continue;
    Fail(read.get(), Status::Error(code::kShuttingDown, "The store is closing."));
    Leave(read);
  }
}

void Promoter::Fail(Read* read, Status status) {
  MutexLock lock(&read->mutex);
  read->status = std::move(status);
  read->failed = true;
}

Status Promoter::Begin(const Digest& digest, std::unique_ptr<const BlobProof> proof, Read* read) {
  if (disk_ == nullptr) return Status::Error(code::kDiskFailed, "The disk tier is off, so there is nothing to promote.");
  UniqueFd fd;
  Status status = disk_->OpenBlob(digest, &fd, &read->size_bytes);
  MemoryReservation reservation;
  if (status.ok() && proof != nullptr) status = ValidateProof(*proof, digest, read->size_bytes);
  if (status.ok()) status = budget_->Reserve(read->size_bytes, &reservation);
  if (!status.ok()) return status;
  read->blob = std::make_unique<BlobReader>(std::move(fd), read->size_bytes);
  status = Segment::CreateFor(digest, read->size_bytes, std::move(reservation), folder_, &read->segment);
  if (!status.ok() || read->size_bytes == 0) return status;
  read->check = std::make_unique<PromotionCheck>(digest, read->size_bytes, kSliceBytes, std::move(proof));
  status = ReadyBitmap::Create("holdfast-ready:" + digest.ToHex(), read->check->ends(), &read->ready);
  if (status.ok()) catalog_->AddArriving(digest, read->segment, read->ready);
  return status;
}

void Promoter::RunSlices(const std::shared_ptr<Read>& read) {
  while (!read->failed) {
    const uint64_t offset_bytes = read->next_bytes.fetch_add(kSliceBytes);
    if (offset_bytes >= read->size_bytes) break;
    Status status = pool_->stopping() ? Status::Error(code::kShuttingDown, "The store is closing.")
                                      : ReadSlice(read.get(), offset_bytes);
    if (!status.ok()) Fail(read.get(), std::move(status));
  }
  Leave(read);
}

void Promoter::Leave(const std::shared_ptr<Read>& read) {
  if (--read->readers > 0) return;
  Status status;
  {
    MutexLock lock(&read->mutex);
    status = read->status;
  }
  if (status.ok() && read->check != nullptr) status = read->check->OnEnd();
  if (status.code() == code::kDiskFailed) disk_->GiveUp(read->digest);
  if (status.ok()) status = read->segment->Seal();
  if (status.ok()) {
    catalog_->AddSegment(read->digest, read->segment);
    if (read->ready != nullptr) read->ready->Complete();
  }
  End(read, status);
}

Status Promoter::ReadSlice(Read* read, uint64_t offset_bytes) {
  const uint64_t size_bytes = std::min(kSliceBytes, read->size_bytes - offset_bytes);
  Status status = read->segment->Allocate(offset_bytes, size_bytes);
  if (!status.ok()) return status;
  status = read->blob->Read(offset_bytes, read->segment->writable() + offset_bytes, size_bytes);
  if (!status.ok()) return status;
  return read->check->OnSlice(offset_bytes / kSliceBytes, read->segment->writable(), read->ready.get());
}

void Promoter::End(const std::shared_ptr<Read>& read, Status status) {
  // Gives the memory of a failed read back before anybody hears of it.
  if (!status.ok() && read->ready != nullptr) {
    catalog_->RemoveArriving(read->digest, read->segment);
    read->ready->Fail(status);
  }
  read->segment.reset();
  std::vector<Done> waiting;
  {
    MutexLock lock(&mutex_);
    const auto found = waiting_.find(read->digest);
    waiting = std::move(found->second);
    waiting_.erase(found);
  }
  for (const Done& done : waiting) done(status);
}

}  // namespace holdfast
