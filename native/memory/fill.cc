// Invariants:
// - A chunk is kWriting while exactly one thread copies it, and kDone only when its bytes are verified and in every target.
// - users_ counts the threads that may touch the targets. The targets are taken away only when it is zero and ending_ is set,
//   after which nobody enters.
// - hashed_ chunks, a prefix of the blob, have gone through blob_hash_. One thread at a time advances it (hashing_); that
//   thread runs, it never waits for a free thread of the pool, so Finish may wait for it on a thread of the pool.
// - on_end_ is called exactly once.
#include "memory/fill.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "os/mutex.h"
#include "os/sha256.h"
#include "memory/ready_bitmap.h"

namespace holdfast {

namespace {

// A chunk is read into one buffer when it is verified on disk. Manifests use 8 MiB at most; this leaves room for later ones.
constexpr uint64_t kChunkBytesMax = 64 << 20;

class FillImpl final : public Fill, public std::enable_shared_from_this<FillImpl> {
 public:
  FillImpl(BlobSpec spec, FillTargets targets, ThreadPool* pool, OnEnd on_end)
      : spec_(std::move(spec)),
        segment_(std::move(targets.segment)),
        ready_(std::move(targets.ready)),
        partial_(std::move(targets.partial)),
        present_(targets.present),
        pool_(pool),
        on_end_(std::move(on_end)),
        // The digest of a single chunk is the digest of the blob: checked once, not hashed twice.
        hashes_blob_(!present_ && spec_.chunks.size() != 1),
        states_(spec_.chunks.size(), present_ ? kDone : kMissing) {
    uint64_t offset_bytes = 0;
    for (const ChunkSpec& chunk : spec_.chunks) {
      offsets_.push_back(offset_bytes);
      offset_bytes += chunk.size_bytes;
    }
    missing_ = present_ ? 0 : spec_.chunks.size();
  }

  ~FillImpl() override { Abort(/*keep_partial=*/true, Status::Error(code::kShuttingDown, "The store let go of the fetch.")); }

  const Digest& digest() const override { return spec_.digest; }

  Status Recover(std::vector<uint32_t>* indices) override {
    Use use(this);
    if (!use.ok()) return Ended();
    std::vector<uint8_t> buffer;
    for (uint32_t i = 0; i < spec_.chunks.size(); i++) {
      if (pool_->stopping()) return Status::Error(code::kShuttingDown, "The store is closing.");
      if (present_ || IsDone(i)) {
        indices->push_back(i);
        continue;
      }
      if (!HasOldBytes(i)) continue;
      const ChunkSpec& chunk = spec_.chunks[i];
      buffer.resize(chunk.size_bytes);
      Status status = partial_->Read(offsets_[i], buffer.data(), buffer.size());
      if (!status.ok()) return status;
      if (Sha256::Of(buffer.data(), buffer.size()) != chunk.digest) continue;
      status = Place(i, buffer.data(), /*to_disk=*/false);
      if (!status.ok()) return status;
      indices->push_back(i);
    }
    return Status();
  }

  Status PutChunk(uint32_t index, const uint8_t* data, size_t size_bytes) override {
    Use use(this);
    if (!use.ok()) return Ended();
    if (index >= spec_.chunks.size()) {
      return Status::Error(code::kBadRequest, "Chunk " + std::to_string(index) + " does not exist; the blob has " +
                                                  std::to_string(spec_.chunks.size()) + ".");
    }
    const ChunkSpec& chunk = spec_.chunks[index];
    if (size_bytes != chunk.size_bytes || Sha256::Of(data, size_bytes) != chunk.digest) {
      return Status::Error(code::kDigestMismatch, "The bytes are not chunk " + std::to_string(index) + " of blob " +
                                                      spec_.digest.ToHex() + "; fetch it elsewhere.");
    }
    return Place(index, data, /*to_disk=*/true);
  }

  uint64_t size_bytes() const override { return spec_.size_bytes; }

  bool ReadVerified(uint64_t offset_bytes, uint64_t size_bytes, uint8_t* target) override {
    Use use(this);
    if (!use.ok() || offset_bytes > spec_.size_bytes || size_bytes > spec_.size_bytes - offset_bytes) return false;
    if (!IsVerified(offset_bytes, size_bytes)) return false;
    if (segment_ != nullptr) {
      std::memcpy(target, segment_->writable() + offset_bytes, size_bytes);
      return true;
    }
    return partial_ != nullptr && partial_->Read(offset_bytes, target, size_bytes).ok();
  }

  Status Finish() override {
    {
      MutexLock lock(&mutex_);
      if (ending_) return Ended();
      if (missing_ > 0) {
        return Status::Error(code::kBadRequest, std::to_string(missing_) + " chunks are missing.");
      }
      ending_ = true;
      while (users_ > 0 || hashing_) changed_.Wait(&mutex_);
    }
    Status status = CheckBlob();
    if (!status.ok()) {
      if (partial_ != nullptr && !status.Is(code::kShuttingDown)) partial_->Discard();
      End(nullptr, status);
      return status;
    }
    if (segment_ != nullptr) status = segment_->Seal();
    std::shared_ptr<Segment> sealed = status.ok() ? segment_ : nullptr;
    if (partial_ != nullptr && DiskLost()) {
      partial_->Discard();
    } else if (partial_ != nullptr) {
      const Status committed = partial_->Commit(spec_.digest, /*drop_cache=*/sealed != nullptr);
      // A blob that stands in memory is good without its copy on disk.
      if (!committed.ok() && sealed == nullptr) status = committed;
    }
    End(std::move(sealed), status);
    return status;
  }

  void Abort(bool keep_partial, const Status& reason) override {
    {
      MutexLock lock(&mutex_);
      if (ending_) return;
      ending_ = true;
      while (users_ > 0 || hashing_) changed_.Wait(&mutex_);
    }
    if (partial_ != nullptr && !keep_partial) partial_->Discard();
    End(nullptr, reason);
  }

 private:
  enum State : uint8_t { kMissing, kWriting, kDone };

  // Keeps the targets in place while it lives.
  class Use {
   public:
    explicit Use(FillImpl* fill) : fill_(fill) {
      MutexLock lock(&fill_->mutex_);
      ok_ = !fill_->ending_;
      if (ok_) fill_->users_++;
    }
    ~Use() {
      if (!ok_) return;
      MutexLock lock(&fill_->mutex_);
      fill_->users_--;
      fill_->changed_.NotifyAll();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    bool ok() const { return ok_; }

   private:
    FillImpl* const fill_;
    bool ok_ = false;
  };

  static Status Ended() { return Status::Error(code::kBadRequest, "The fill has ended."); }

  bool IsDone(uint32_t index) {
    MutexLock lock(&mutex_);
    return states_[index] == kDone;
  }

  bool IsVerified(uint64_t offset_bytes, uint64_t size_bytes) {
    MutexLock lock(&mutex_);
    auto at = std::upper_bound(offsets_.begin(), offsets_.end(), offset_bytes);
    size_t index = at == offsets_.begin() ? 0 : static_cast<size_t>(at - offsets_.begin()) - 1;
    for (; index < offsets_.size() && offsets_[index] < offset_bytes + size_bytes; index++) {
      if (states_[index] != kDone) return false;
    }
    return true;
  }

  bool DiskLost() {
    MutexLock lock(&mutex_);
    return disk_lost_;
  }

  bool HasOldBytes(uint32_t index) {
    MutexLock lock(&mutex_);
    return partial_ != nullptr && !disk_lost_ && partial_->existed() &&
           partial_->MayHold(offsets_[index], spec_.chunks[index].size_bytes);
  }

  // Stores verified bytes, unless another thread has done so or does so now.
  Status Place(uint32_t index, const uint8_t* data, bool to_disk) {
    {
      MutexLock lock(&mutex_);
      while (states_[index] == kWriting) changed_.Wait(&mutex_);
      if (states_[index] == kDone) return Status();
      states_[index] = kWriting;
      to_disk = to_disk && partial_ != nullptr && !disk_lost_;
    }
    Status status = WriteTargets(index, data, to_disk);
    {
      MutexLock lock(&mutex_);
      states_[index] = status.ok() ? kDone : kMissing;
      if (status.ok()) missing_--;
      changed_.NotifyAll();
    }
    if (status.ok() && ready_ != nullptr) ready_->MarkReady(index);
    if (status.ok() && hashes_blob_) {
      (void)pool_->Submit([self = shared_from_this()] { self->HashPrefix(); });
    }
    return status;
  }

  Status WriteTargets(uint32_t index, const uint8_t* data, bool to_disk) {
    const uint64_t offset_bytes = offsets_[index];
    const uint64_t size_bytes = spec_.chunks[index].size_bytes;
    if (segment_ != nullptr) {
      Status status = segment_->Prepare(offset_bytes, size_bytes);
      if (!status.ok()) return status;
      std::memcpy(segment_->writable() + offset_bytes, data, size_bytes);
    }
    if (!to_disk) return Status();
    Status status = partial_->Write(offset_bytes, data, size_bytes);
    if (status.ok() || segment_ == nullptr) return status;
    // The disk is full or failing: go on in memory alone.
    MutexLock lock(&mutex_);
    disk_lost_ = true;
    return Status();
  }

  // Lets the hash of the blob follow the complete prefix, while more chunks arrive.
  void HashPrefix() {
    {
      MutexLock lock(&mutex_);
      if (hashing_ || ending_) return;
      hashing_ = true;
    }
    std::vector<uint8_t> buffer;
    bool good = true;
    for (;;) {
      size_t index;
      {
        MutexLock lock(&mutex_);
        index = hashed_;
        if (!good || ending_ || index == states_.size() || states_[index] != kDone) {
          hashing_ = false;
          changed_.NotifyAll();
          return;
        }
      }
      // A failed read is met again, and reported, by Finish.
      good = HashChunk(index, &buffer).ok();
      MutexLock lock(&mutex_);
      if (good) hashed_++;
    }
  }

  Status HashChunk(size_t index, std::vector<uint8_t>* buffer) {
    const uint64_t size_bytes = spec_.chunks[index].size_bytes;
    if (segment_ != nullptr) {
      blob_hash_.Update(segment_->writable() + offsets_[index], size_bytes);
      return Status();
    }
    buffer->resize(size_bytes);
    Status status = partial_->Read(offsets_[index], buffer->data(), size_bytes);
    if (status.ok()) blob_hash_.Update(buffer->data(), size_bytes);
    return status;
  }

  // Hashes what the prefix has not covered, and compares. Runs alone.
  Status CheckBlob() {
    if (present_) return Status();
    if (!hashes_blob_) return Compare(spec_.chunks[0].digest);
    std::vector<uint8_t> buffer;
    size_t index;
    {
      MutexLock lock(&mutex_);
      index = hashed_;
    }
    for (; index < spec_.chunks.size(); index++) {
      if (pool_->stopping()) return Status::Error(code::kShuttingDown, "The store is closing.");
      Status status = HashChunk(index, &buffer);
      if (!status.ok()) return status;
    }
    return Compare(blob_hash_.Final());
  }

  Status Compare(const Digest& actual) const {
    if (actual == spec_.digest) return Status();
    return Status::Error(code::kDigestMismatch, "The chunks are right but together they are " + actual.ToHex() +
                                                    ", not blob " + spec_.digest.ToHex() + "; the manifest is wrong.");
  }

  // `status` is why there is no sealed segment.
  void End(std::shared_ptr<Segment> sealed, const Status& status) {
    const bool complete = sealed != nullptr;
    segment_.reset();
    partial_.reset();
    on_end_(std::move(sealed));
    on_end_ = nullptr;
    // After the catalog knows: a client that wakes up and opens again meets the new state.
    if (ready_ != nullptr && complete) ready_->Complete();
    if (ready_ != nullptr && !complete) ready_->Fail(status);
    ready_.reset();
  }

  const BlobSpec spec_;
  std::vector<uint64_t> offsets_;
  std::shared_ptr<Segment> segment_;
  std::shared_ptr<ReadyBitmap> ready_;
  std::unique_ptr<PartialBlob> partial_;
  const bool present_;
  ThreadPool* const pool_;
  OnEnd on_end_;
  const bool hashes_blob_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<State> states_ GUARDED_BY(mutex_);
  size_t missing_ GUARDED_BY(mutex_) = 0;
  int users_ GUARDED_BY(mutex_) = 0;
  bool ending_ GUARDED_BY(mutex_) = false;
  bool disk_lost_ GUARDED_BY(mutex_) = false;
  bool hashing_ GUARDED_BY(mutex_) = false;
  size_t hashed_ GUARDED_BY(mutex_) = 0;
  // Used by the thread that set hashing_, or by Finish once nobody else is in.
  Sha256 blob_hash_;
};

}  // namespace

Status ValidateBlobSpec(const BlobSpec& spec) {
  // off_t is signed.
  constexpr uint64_t kSizeBytesMax = INT64_MAX;
  uint64_t sum_bytes = 0;
  for (const ChunkSpec& chunk : spec.chunks) {
    if (chunk.size_bytes == 0 || chunk.size_bytes > kChunkBytesMax || chunk.size_bytes > kSizeBytesMax - sum_bytes) {
      return Status::Error(code::kBadRequest, "A chunk is empty, larger than 64 MiB, or the blob larger than any file.");
    }
    sum_bytes += chunk.size_bytes;
  }
  if (sum_bytes == spec.size_bytes) return Status();
  return Status::Error(code::kBadRequest, "The chunks sum to " + std::to_string(sum_bytes) + " bytes, the blob has " +
                                              std::to_string(spec.size_bytes) + ".");
}

std::shared_ptr<Fill> Fill::Create(BlobSpec spec, FillTargets targets, ThreadPool* pool, OnEnd on_end) {
  return std::make_shared<FillImpl>(std::move(spec), std::move(targets), pool, std::move(on_end));
}

}  // namespace holdfast
