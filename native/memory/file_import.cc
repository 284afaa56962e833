// Invariants: workers counts the threads that may touch source and target, and nobody enters once it is closed. The thread that began the
// import closes it when no chunk is left, and waits only for those that are in.
#include "memory/file_import.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>
#include <vector>

#include "memory/blob_check.h"
#include "memory/blob_id.h"
#include "os/mutex.h"
#include "os/sha256.h"
#include "os/unique_fd.h"

namespace holdfast {

namespace {

constexpr uint64_t kPieceBytes = 1 << 20;
// More would keep promotions off the pool, and a disk does not write faster for them.
constexpr uint64_t kHelpersMax = 3;

class Import {
 public:
  Import(UniqueFd source, uint64_t size_bytes, Cut cut, std::unique_ptr<PartialBlob> target, const ThreadPool* pool)
      : source_(std::move(source)), size_bytes_(size_bytes), cut_(std::move(cut)), target_(std::move(target)), pool_(pool), chunks_(cut_.size()) {}

  // Work of one more thread; nothing when it comes late.
  void Help() {
    {
      MutexLock lock(&mutex_);
      if (closed_) return;
      workers_++;
    }
    CopyChunks();
    MutexLock lock(&mutex_);
    workers_--;
    left_.NotifyAll();
  }

  Status Run(Digest* id) {
    CopyChunks();
    MutexLock lock(&mutex_);
    closed_ = true;
    while (workers_ > 0) left_.Wait(&mutex_);
    BlobIdHash hash;
    for (size_t i = 0; i < cut_.size(); i++) hash.Add(chunks_[i], cut_[i]);
    *id = hash.Final();
    return status_;
  }

  PartialBlob* target() { return target_.get(); }

 private:
  void CopyChunks() {
    std::vector<uint8_t> piece(std::min(kPieceBytes, size_bytes_));
    for (size_t index = next_++; index < cut_.size() && !failed_; index = next_++) {
      Status status = CopyChunk(index, &piece);
      if (status.ok()) continue;
      failed_ = true;
      MutexLock lock(&mutex_);
      status_ = std::move(status);
    }
  }

  Status CopyChunk(size_t index, std::vector<uint8_t>* piece) {
    Sha256 hash;
    // All chunks but the last have the size of the first.
    uint64_t at = index * cut_[0];
    const uint64_t end_bytes = at + cut_[index];
    while (at < end_bytes) {
      if (pool_->stopping()) return Status::Error(code::kShuttingDown, "The store is closing.");
      const size_t part = static_cast<size_t>(std::min<uint64_t>(piece->size(), end_bytes - at));
      Status status = ReadFully(source_.get(), at, piece->data(), part);
      if (!status.ok()) return status;
      hash.Update(piece->data(), part);
      status = target_->Write(at, piece->data(), part);
      if (!status.ok()) return status;
      at += part;
    }
    chunks_[index] = hash.Final();
    return Status();
  }

  const UniqueFd source_;
  const uint64_t size_bytes_;
  const Cut cut_;
  const std::unique_ptr<PartialBlob> target_;
  const ThreadPool* const pool_;
  // Each place is written by the one thread that took the chunk.
  std::vector<Digest> chunks_;
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  Mutex mutex_;
  CondVar left_;
  uint64_t workers_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
  Status status_ GUARDED_BY(mutex_);
};

}  // namespace

Status ImportFileTo(DiskTier* disk, ThreadPool* pool, const std::string& path, uint64_t chunk_bytes, Digest* id, uint64_t* size_bytes) {
  if (chunk_bytes == 0) return Status::Error(code::kBadRequest, "A chunk cannot be empty.");
  UniqueFd source(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (!source.valid() || fstat(source.get(), &info) != 0) return Status::Errno(code::kDiskFailed, "Cannot open " + path, errno);
  if (!S_ISREG(info.st_mode)) return Status::Error(code::kBadRequest, path + " is not a regular file.");
  *size_bytes = static_cast<uint64_t>(info.st_size);
  Cut cut;
  for (uint64_t at = 0; at < *size_bytes; at += cut.back()) cut.push_back(std::min(chunk_bytes, *size_bytes - at));
  Status status = ValidateCut(cut, *size_bytes);
  std::unique_ptr<PartialBlob> target;
  if (status.ok()) status = disk->BeginImport(*size_bytes, &target);
  if (!status.ok()) return status;
  const uint64_t helpers = std::min<uint64_t>(cut.empty() ? 0 : cut.size() - 1, kHelpersMax);
  auto import = std::make_shared<Import>(std::move(source), *size_bytes, std::move(cut), std::move(target), pool);
  for (uint64_t i = 0; i < helpers; i++) (void)pool->Submit([import] { import->Help(); });
  status = import->Run(id);
  if (!status.ok()) {
    import->target()->Discard();
    return status;
  }
  if (disk->Find(*id, nullptr)) {
    import->target()->Discard();
    return Status();
  }
  return import->target()->Commit(*id, /*drop_cache=*/true);
}

}  // namespace holdfast
