// Invariants:
// - A chunk is kArriving while exactly one ChunkWrite may write into the segment, kWriting while exactly one thread copies it, and
//   kDone only when its bytes are verified and in memory, or on disk where there is no segment.
// - The claim of a ChunkWrite is revoked before another thread writes to the same place, and before the segment is sealed or taken away.
// - to_disk_ are chunks in memory that the disk does not have yet. Threads of the pool write them; a thread that ends the fill writes
//   what is left itself, so that it never waits for a free thread of the pool.
// - users_ counts the threads that may touch the targets. The targets are taken away only when it is zero and ending_ is set,
//   after which nobody enters.
// - Nothing is hashed twice: the digest of the blob is that of its chunk list (ValidateBlobSpec), so chunks that are right make it right.
// - on_end_ is called exactly once.
#include "memory/fill.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "memory/blob_check.h"
#include "memory/blob_id.h"
#include "memory/chunk_writers.h"
#include "os/mutex.h"
#include "os/sha256.h"
#include "memory/ready_bitmap.h"

namespace holdfast {

namespace {

constexpr uint64_t kDiskPieceBytes = 1 << 20;

class FillImpl final : public Fill, private ChunkKeeper, public std::enable_shared_from_this<FillImpl> {
 public:
  FillImpl(BlobSpec spec, FillTargets targets, ThreadPool* pool, OnEnd on_end)
      : spec_(std::move(spec)),
        segment_(std::move(targets.segment)),
        ready_(std::move(targets.ready)),
        partial_(std::move(targets.partial)),
        present_(targets.present),
        pool_(pool),
        on_end_(std::move(on_end)),
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
    if (index >= spec_.chunks.size()) return NoSuchChunk(index);
    const ChunkSpec& chunk = spec_.chunks[index];
    if (size_bytes != chunk.size_bytes || Sha256::Of(data, size_bytes) != chunk.digest) return WrongBytes(index);
    return Place(index, data, /*to_disk=*/true);
  }

  Status BeginChunk(uint32_t index, std::unique_ptr<ChunkWrite>* write) override;

  uint64_t size_bytes() const override { return spec_.size_bytes; }

  bool ReadVerified(uint64_t offset_bytes, uint64_t size_bytes, uint8_t* target) override {
    Use use(this);
    if (!use.ok() || offset_bytes > spec_.size_bytes || size_bytes > spec_.size_bytes - offset_bytes) return false;
    if (!IsVerified(offset_bytes, size_bytes)) return false;
    if (segment_ != nullptr) return segment_->Read(offset_bytes, size_bytes, target).ok();
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
      AwaitUsers(/*writes_to_disk=*/true);
    }
    Status status;
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
    std::unordered_map<uint32_t, std::shared_ptr<Claim>> claims;
    {
      MutexLock lock(&mutex_);
      if (ending_) return;
      ending_ = true;
      claims.swap(claims_);
      AwaitUsers(/*writes_to_disk=*/keep_partial);
    }
    for (const auto& [index, claim] : claims) claim->Revoke();
    if (partial_ != nullptr && !keep_partial) partial_->Discard();
    End(nullptr, reason);
  }

 private:
  enum State : uint8_t { kMissing, kArriving, kWriting, kDone };

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

  const Digest& chunk_digest(uint32_t index) const override { return spec_.chunks[index].digest; }
  uint64_t chunk_bytes(uint32_t index) const override { return spec_.chunks[index].size_bytes; }
  uint64_t chunk_offset_bytes(uint32_t index) const override { return offsets_[index]; }

  Status WrongBytes(uint32_t index) const override {
    return Status::Error(code::kDigestMismatch, "The bytes are not chunk " + std::to_string(index) + " of blob " +
                                                    spec_.digest.ToHex() + "; fetch it elsewhere.");
  }

  Status NoSuchChunk(uint32_t index) const {
    return Status::Error(code::kBadRequest,
                         "Chunk " + std::to_string(index) + " does not exist; the blob has " + std::to_string(spec_.chunks.size()) + ".");
  }

  // By any writer, also of a fill that has ended.
  bool IsBrought(uint32_t index) {
    MutexLock lock(&mutex_);
    while (states_[index] == kWriting) changed_.Wait(&mutex_);
    return states_[index] == kDone;
  }

  bool IsInUse() REQUIRES(mutex_) { return users_ > 0 || disk_writers_ > 0; }

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
    std::shared_ptr<Claim> claim;
    {
      MutexLock lock(&mutex_);
      while (states_[index] == kWriting) changed_.Wait(&mutex_);
      if (states_[index] == kDone) return Status();
      if (states_[index] == kArriving) claim = TakeClaim(index);
      states_[index] = kWriting;
      to_disk = to_disk && partial_ != nullptr && !disk_lost_;
    }
    if (claim != nullptr) claim->Revoke();
    const uint64_t size_bytes = spec_.chunks[index].size_bytes;
    Status status = segment_ != nullptr ? segment_->Write(offsets_[index], data, size_bytes) : Status();
    if (status.ok() && segment_ == nullptr && to_disk) {
      status = partial_->Write(offsets_[index], data, size_bytes);
    }
    {
      MutexLock lock(&mutex_);
      states_[index] = status.ok() ? kDone : kMissing;
      if (status.ok()) missing_--;
      changed_.NotifyAll();
    }
    if (status.ok()) AfterPlaced(index, to_disk && segment_ != nullptr);
    return status;
  }

  // By a user of the targets.
  void AfterPlaced(uint32_t index, bool to_disk) {
    if (ready_ != nullptr) ready_->MarkReady(index);
    if (to_disk) {
      {
        MutexLock lock(&mutex_);
        to_disk_.push_back(index);
      }
      (void)pool_->Submit([self = shared_from_this()] { self->WriteOneToDisk(); });
    }
  }

  std::shared_ptr<Claim> TakeClaim(uint32_t index) REQUIRES(mutex_) {
    const auto found = claims_.find(index);
    std::shared_ptr<Claim> claim = std::move(found->second);
    claims_.erase(found);
    return claim;
  }

  Status KeepClaimed(uint32_t index, const Claim* claim) override {
    if (CommitClaim(index, claim) || IsBrought(index)) return Status();
    return Ended();
  }

  // False when another writer has taken the place, or the fill has ended.
  bool CommitClaim(uint32_t index, const Claim* claim) {
    Use use(this);
    if (!use.ok()) return false;
    bool to_disk;
    {
      MutexLock lock(&mutex_);
      if (!HoldsClaim(index, claim)) return false;
      claims_.erase(index);
      states_[index] = kDone;
      missing_--;
      to_disk = partial_ != nullptr && !disk_lost_;
      changed_.NotifyAll();
    }
    AfterPlaced(index, to_disk);
    return true;
  }

  void GiveUp(uint32_t index, const Claim* claim) override {
    MutexLock lock(&mutex_);
    if (!HoldsClaim(index, claim)) return;
    claims_.erase(index);
    states_[index] = kMissing;
    changed_.NotifyAll();
  }

  // Writing to the disk, and waiting for another writer, are nothing for the thread of a connection.
  void KeepLater(uint32_t index, std::shared_ptr<uint8_t[]> bytes, std::function<void(Status)> done) override {
    auto keep = [self = shared_from_this(), index, bytes = std::move(bytes), done] {
      Use use(self.get());
      done(use.ok() ? self->Place(index, bytes.get(), /*to_disk=*/true) : Ended());
    };
    if (!pool_->Submit(std::move(keep))) done(Status::Error(code::kShuttingDown, "The store is closing."));
  }

  bool HoldsClaim(uint32_t index, const Claim* claim) REQUIRES(mutex_) {
    const auto found = claims_.find(index);
    return found != claims_.end() && found->second.get() == claim;
  }

  void WriteOneToDisk() {
    MutexLock lock(&mutex_);
    if (!to_disk_.empty()) WriteFrontToDisk();
  }

  // Until nobody uses the targets; those who still do may add to what the disk does not have.
  void AwaitUsers(bool writes_to_disk) REQUIRES(mutex_) {
    for (;;) {
      if (!writes_to_disk) to_disk_.clear();
      while (!to_disk_.empty()) WriteFrontToDisk();
      if (!IsInUse()) return;
      changed_.Wait(&mutex_);
    }
  }

  Status CopyToDisk(uint64_t offset_bytes, uint64_t size_bytes) {
    std::vector<uint8_t> buffer(std::min(kDiskPieceBytes, size_bytes));
    Status status;
    for (uint64_t at = 0; status.ok() && at < size_bytes; at += buffer.size()) {
      const uint64_t piece_bytes = std::min<uint64_t>(buffer.size(), size_bytes - at);
      status = segment_->Read(offset_bytes + at, piece_bytes, buffer.data());
      if (status.ok()) status = partial_->Write(offset_bytes + at, buffer.data(), piece_bytes);
    }
    return status;
  }

  // Lets the lock go while it writes.
  void WriteFrontToDisk() REQUIRES(mutex_) {
    const uint32_t index = to_disk_.front();
    to_disk_.pop_front();
    if (disk_lost_) return;
    disk_writers_++;
    mutex_.Unlock();
    const Status status = CopyToDisk(offsets_[index], spec_.chunks[index].size_bytes);
    mutex_.Lock();
    disk_writers_--;
    // The disk is full or failing: go on in memory alone.
    if (!status.ok()) disk_lost_ = true;
    changed_.NotifyAll();
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

  Mutex mutex_;
  CondVar changed_;
  std::vector<State> states_ GUARDED_BY(mutex_);
  size_t missing_ GUARDED_BY(mutex_) = 0;
  int users_ GUARDED_BY(mutex_) = 0;
  int disk_writers_ GUARDED_BY(mutex_) = 0;
  std::deque<uint32_t> to_disk_ GUARDED_BY(mutex_);
  // Of the chunks that are kArriving.
  std::unordered_map<uint32_t, std::shared_ptr<Claim>> claims_ GUARDED_BY(mutex_);
  bool ending_ GUARDED_BY(mutex_) = false;
  bool disk_lost_ GUARDED_BY(mutex_) = false;
};

Status FillImpl::BeginChunk(uint32_t index, std::unique_ptr<ChunkWrite>* write) {
  Use use(this);
  if (!use.ok()) return Ended();
  if (index >= spec_.chunks.size()) return NoSuchChunk(index);
  std::shared_ptr<Claim> claim;
  {
    MutexLock lock(&mutex_);
    if (segment_ != nullptr && states_[index] == kMissing) {
      claim = std::make_shared<Claim>();
      claims_.emplace(index, claim);
      states_[index] = kArriving;
    }
  }
  const std::shared_ptr<ChunkKeeper> keeper(shared_from_this(), this);
  *write = claim != nullptr ? WriteIntoSegment(keeper, index, segment_, std::move(claim)) : WriteIntoMemory(keeper, index);
  return Status();
}

}  // namespace

Status ValidateBlobSpec(const BlobSpec& spec) {
  Cut cut;
  BlobIdHash id;
  cut.reserve(spec.chunks.size());
  for (const ChunkSpec& chunk : spec.chunks) {
    cut.push_back(chunk.size_bytes);
    id.Add(chunk.digest, chunk.size_bytes);
  }
  Status status = ValidateCut(cut, spec.size_bytes);
  if (!status.ok() || id.Final() == spec.digest) return status;
  return Status::Error(code::kBadRequest, spec.digest.ToHex() + " is not the id of a blob with these chunks.");
}

std::shared_ptr<Fill> Fill::Create(BlobSpec spec, FillTargets targets, ThreadPool* pool, OnEnd on_end) {
  return std::make_shared<FillImpl>(std::move(spec), std::move(targets), pool, std::move(on_end));
}

}  // namespace holdfast
