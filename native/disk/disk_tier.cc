// Invariants: used_bytes_ is the sum of the costs in blobs_, lost_ and partials_; a cost is the size rounded up to a block. A file is
// renamed into blobs/ only after its bytes are synced, so whatever lies there after a crash is whole. A partial is active
// while a PartialBlob holds it; only inactive ones may be given up for room. No file is opened, synced or written under the
// lock; unlink is, so that a blob that is removed and one that is committed cannot pass each other.
#include "disk/disk_tier.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <set>
#include <unordered_map>

#include "disk/disk_files.h"
#include "os/mutex.h"

namespace holdfast {

namespace {

constexpr uint64_t kBlockBytes = 4096;

uint64_t CostOf(uint64_t size_bytes) { return (size_bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

class DiskTierImpl final : public DiskTier {
 public:
  DiskTierImpl(std::string path, uint64_t limit_bytes) : path_(std::move(path)), limit_bytes_(limit_bytes) {}

  Status Init() {
    for (const char* folder : {"/blobs", "/partial"}) {
      Status status = MakeFolders(path_ + folder);
      if (!status.ok()) return status;
    }
    Status status = LockFolder(path_, &lock_);
    if (status.ok()) status = IndexBlobs();
    if (status.ok()) status = IndexPartials();
    return status;
  }

  Status BeginPartial(const Digest& digest, uint64_t size_bytes, std::unique_ptr<PartialBlob>* partial) override {
    return Begin(digest.ToHex(), /*keep=*/true, size_bytes, partial);
  }

  Status BeginImport(uint64_t size_bytes, std::unique_ptr<PartialBlob>* partial) override {
    return Begin("import-" + std::to_string(++last_import_), /*keep=*/false, size_bytes, partial);
  }

  bool Find(const Digest& digest, uint64_t* size_bytes) const override {
    MutexLock lock(&mutex_);
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return false;
    if (size_bytes != nullptr) *size_bytes = found->second;
    return true;
  }

  std::string PathOf(const Digest& digest) const override {
    const std::string hex = digest.ToHex();
    return path_ + "/blobs/" + hex.substr(0, 2) + "/" + hex;
  }

  Status OpenBlob(const Digest& digest, UniqueFd* fd, uint64_t* size_bytes) override {
    if (!Find(digest, size_bytes)) return Status::Error(code::kDiskFailed, "The disk tier does not hold this blob.");
    // Something else may lie there by now: a link is not followed, and a FIFO holds no thread up.
    UniqueFd opened(open(PathOf(digest).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat info;
    const int error = opened.valid() ? EIO : errno;
    if (opened.valid() && fstat(opened.get(), &info) == 0 && S_ISREG(info.st_mode) &&
        static_cast<uint64_t>(info.st_size) == *size_bytes) {
      *fd = std::move(opened);
      return Status();
    }
    // The file is not to blame for what the process or the machine lacks.
    if (error != EMFILE && error != ENFILE && error != ENOMEM) GiveUp(digest);
    return Status::Errno(code::kDiskFailed, PathOf(digest) + " is not as it was stored", error);
  }

  bool Remove(const Digest& digest) override {
    MutexLock lock(&mutex_);
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return false;
    // On a disk that has become read-only the blob stays, and so does what it takes.
    if (!Counted(RemoveFile(PathOf(digest), CrashPoint::kBlobRemoved)).ok()) return false;
    used_bytes_ -= CostOf(found->second);
    blobs_.erase(found);
    return true;
  }

  void GiveUp(const Digest& digest) override {
    MutexLock lock(&mutex_);
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return;
    if (Counted(RemoveFile(PathOf(digest), CrashPoint::kBlobRemoved)).ok()) {
      used_bytes_ -= CostOf(found->second);
    } else {
      lost_[digest] = found->second;
    }
    blobs_.erase(found);
  }

  std::vector<std::pair<Digest, uint64_t>> List() const override {
    MutexLock lock(&mutex_);
    return {blobs_.begin(), blobs_.end()};
  }

  Status TakeOver(const std::vector<BlobMove>& moves, uint64_t* moved) override {
    // In order: a new folder before the files that it has got.
    std::set<std::string> folders;
    Status status;
    for (auto move = moves.begin(); status.ok() && move != moves.end(); ++move) {
      bool done = false;
      status = MoveBlob(*move, &folders, &done);
      if (status.ok() && !done) status = MovePartial(*move, &folders, &done);
      *moved += done;
    }
    for (auto folder = folders.begin(); status.ok() && folder != folders.end(); ++folder) {
      status = SyncFolder(*folder, CrashPoint::kMovesSynced);
    }
    return Counted(status);
  }

  uint64_t used_bytes() const override {
    MutexLock lock(&mutex_);
    return used_bytes_;
  }

  uint64_t limit_bytes() const override { return limit_bytes_; }

  uint64_t failure_count() const override { return failures_; }

  Status CheckInvariants() const override {
    MutexLock lock(&mutex_);
    uint64_t sum_bytes = 0;
    for (const auto& [digest, size_bytes] : blobs_) sum_bytes += CostOf(size_bytes);
    for (const auto& [digest, size_bytes] : lost_) sum_bytes += CostOf(size_bytes);
    for (const auto& [name, entry] : partials_) sum_bytes += CostOf(entry.size_bytes);
    if (sum_bytes == used_bytes_) return Status();
    return Status::Error(code::kSystem, "Broken invariant: disk used " + std::to_string(used_bytes_) +
                                            ", sum of files " + std::to_string(sum_bytes) + ".");
  }

  // For PartialBlobImpl.
  std::string PartialPath(const std::string& name) const { return path_ + "/partial/" + name; }

  Status CommitPartial(const std::string& name, int fd, const Digest& digest, bool drop_cache) {
    const std::string target = PathOf(digest);
    const std::string folder = target.substr(0, target.size() - 65);
    Status status = SealFile(fd, name);
    if (!status.ok()) return Counted(status);
    if (drop_cache) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    bool made = false;
    status = MakeFolder(folder, &made, CrashPoint::kShardMade);
    if (status.ok() && made) status = SyncFolder(path_ + "/blobs", CrashPoint::kShardSynced);
    if (!status.ok()) return Counted(status);
    {
      MutexLock lock(&mutex_);
      status = RenameFile(PartialPath(name), target, CrashPoint::kBlobRenamed);
      if (!status.ok()) return Counted(status);
      const auto found = partials_.find(name);
      // The same bytes may have arrived twice, by an import and a fill, say: one file replaces the other.
      if (!blobs_.emplace(digest, found->second.size_bytes).second) used_bytes_ -= CostOf(found->second.size_bytes);
      partials_.erase(found);
      const auto lost = lost_.find(digest);
      if (lost != lost_.end()) {
        used_bytes_ -= CostOf(lost->second);
        lost_.erase(lost);
      }
    }
    status = SyncFolder(folder, CrashPoint::kBlobFolderSynced);
    return Counted(status.ok() ? SyncFolder(path_ + "/partial", CrashPoint::kPartialFolderSynced) : status);
  }

  void RemovePartial(const std::string& name) {
    MutexLock lock(&mutex_);
    const auto found = partials_.find(name);
    if (found == partials_.end()) return;
    if (!Counted(RemoveFile(PartialPath(name), CrashPoint::kPartialRemoved)).ok()) return MakeIdle(&found->second);
    used_bytes_ -= CostOf(found->second.size_bytes);
    partials_.erase(found);
  }

  void KeepPartial(const std::string& name) {
    MutexLock lock(&mutex_);
    const auto found = partials_.find(name);
    if (found != partials_.end()) MakeIdle(&found->second);
  }

  Status Counted(Status status) {
    if (!status.ok()) failures_++;
    return status;
  }

 private:
  struct PartialEntry {
    uint64_t size_bytes = 0;
    bool active = false;
    // Greater is younger.
    uint64_t age = 0;
  };

  Status Begin(const std::string& name, bool keep, uint64_t size_bytes, std::unique_ptr<PartialBlob>* partial);

  std::string FolderOf(const Digest& digest) const { return path_ + "/blobs/" + digest.ToHex().substr(0, 2); }

  Status MoveBlob(const BlobMove& move, std::set<std::string>* folders, bool* moved) {
    MutexLock lock(&mutex_);
    const auto found = blobs_.find(move.from);
    if (found == blobs_.end()) return Status();
    const uint64_t size_bytes = found->second;
    if (blobs_.contains(move.to)) {
      Status status = RemoveFile(PathOf(move.from), CrashPoint::kMovedTwin);
      if (!status.ok()) return status;
      used_bytes_ -= CostOf(size_bytes);
      blobs_.erase(found);
      return Status();
    }
    bool made = false;
    Status status = MakeFolder(FolderOf(move.to), &made, CrashPoint::kShardMade);
    if (status.ok()) status = RenameFile(PathOf(move.from), PathOf(move.to), CrashPoint::kBlobMoved);
    if (!status.ok()) return status;
    blobs_.erase(found);
    blobs_.emplace(move.to, size_bytes);
    if (made) folders->insert(path_ + "/blobs");
    folders->insert({FolderOf(move.from), FolderOf(move.to)});
    *moved = true;
    return Status();
  }

  Status MovePartial(const BlobMove& move, std::set<std::string>* folders, bool* moved) {
    const std::string from = move.from.ToHex();
    const std::string to = move.to.ToHex();
    MutexLock lock(&mutex_);
    const auto found = partials_.find(from);
    // One that stays is given up when its room is needed.
    if (found == partials_.end() || found->second.active || partials_.contains(to) || blobs_.contains(move.to)) return Status();
    Status status = RenameFile(PartialPath(from), PartialPath(to), CrashPoint::kPartialMoved);
    if (!status.ok()) return status;
    const PartialEntry entry = found->second;
    partials_.erase(found);
    partials_.emplace(to, entry);
    folders->insert(path_ + "/partial");
    *moved = true;
    return Status();
  }

  void MakeIdle(PartialEntry* entry) REQUIRES(mutex_) {
    entry->active = false;
    entry->age = ++last_age_;
  }

  Status IndexBlobs() {
    MutexLock lock(&mutex_);
    Status status;
    const std::string blobs = path_ + "/blobs";
    const Status listed = ListFolder(blobs, [&](const std::string& shard) REQUIRES(mutex_) {
      const Status inner = ListFolder(blobs + "/" + shard, [&](const std::string& name) REQUIRES(mutex_) {
        Digest digest;
        struct stat info;
        if (!Digest::FromHex(name, &digest) || name.compare(0, 2, shard) != 0) return;
        if (lstat((blobs + "/" + shard + "/" + name).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
        const uint64_t size_bytes = static_cast<uint64_t>(info.st_size);
        if (blobs_.emplace(digest, size_bytes).second) used_bytes_ += CostOf(size_bytes);
      });
      if (!inner.ok()) status = inner;
    });
    return listed.ok() ? status : listed;
  }

  Status IndexPartials() {
    MutexLock lock(&mutex_);
    return ListFolder(path_ + "/partial", [&](const std::string& name) REQUIRES(mutex_) {
      const std::string path = PartialPath(name);
      Digest digest;
      struct stat info;
      if (!Digest::FromHex(name, &digest)) {
        (void)Counted(RemoveFile(path, CrashPoint::kStrayRemoved));
        return;
      }
      if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
      PartialEntry entry;
      entry.size_bytes = static_cast<uint64_t>(info.st_size);
      entry.age = ++last_age_;
      used_bytes_ += CostOf(entry.size_bytes);
      partials_.emplace(name, entry);
    });
  }

  // Accounts for the partial, or says why it does not fit. Sets `existed` when the file of that size is there.
  Status Account(const std::string& name, uint64_t size_bytes, bool* existed) {
    const uint64_t cost_bytes = CostOf(size_bytes);
    MutexLock lock(&mutex_);
    if (cost_bytes < size_bytes || cost_bytes > limit_bytes_) {
      return Status::Error(code::kTooLarge, std::to_string(size_bytes) + " bytes can never fit into disk.limitBytes = " +
                                                std::to_string(limit_bytes_) + "; raise it.")
          .With("neededBytes", cost_bytes)
          .With("freeBytes", limit_bytes_ > used_bytes_ ? limit_bytes_ - used_bytes_ : 0);
    }
    const auto found = partials_.find(name);
    const bool left_over = found != partials_.end();
    if (left_over && found->second.active) {
      return Status::Error(code::kBadRequest, "This blob is being written already.");
    }
    if (left_over) {
      *existed = found->second.size_bytes == size_bytes;
      used_bytes_ -= CostOf(found->second.size_bytes);
      partials_.erase(found);
    }
    if (used_bytes_ + cost_bytes > limit_bytes_ + IdleBytes()) {
      if (left_over) (void)Counted(RemoveFile(PartialPath(name), CrashPoint::kPartialGivenUp));
      const uint64_t free_bytes = limit_bytes_ > used_bytes_ ? limit_bytes_ - used_bytes_ : 0;
      return Status::Error(code::kDiskFull, "disk.limitBytes leaves " + std::to_string(free_bytes) + " of the " +
                                                std::to_string(cost_bytes) + " bytes needed; drop other blobs first.")
          .With("neededBytes", cost_bytes)
          .With("freeBytes", free_bytes);
    }
    while (used_bytes_ + cost_bytes > limit_bytes_) {
      Status status = Counted(GiveUpOldestPartial());
      if (!status.ok()) return status;
    }
    used_bytes_ += cost_bytes;
    PartialEntry entry;
    entry.size_bytes = size_bytes;
    entry.active = true;
    partials_.emplace(name, entry);
    return Status();
  }

  // What giving up every partial that nobody fills would free.
  uint64_t IdleBytes() const REQUIRES(mutex_) {
    uint64_t sum_bytes = 0;
    for (const auto& [name, entry] : partials_) {
      if (!entry.active) sum_bytes += CostOf(entry.size_bytes);
    }
    return sum_bytes;
  }

  // There is one.
  Status GiveUpOldestPartial() REQUIRES(mutex_) {
    auto oldest = partials_.end();
    for (auto it = partials_.begin(); it != partials_.end(); ++it) {
      if (it->second.active) continue;
      if (oldest == partials_.end() || it->second.age < oldest->second.age) oldest = it;
    }
    Status status = RemoveFile(PartialPath(oldest->first), CrashPoint::kPartialGivenUp);
    if (!status.ok()) return status;
    used_bytes_ -= CostOf(oldest->second.size_bytes);
    partials_.erase(oldest);
    return status;
  }

  const std::string path_;
  const uint64_t limit_bytes_;
  UniqueFd lock_;
  std::atomic<uint64_t> last_import_ = 0;
  std::atomic<uint64_t> failures_ = 0;
  mutable Mutex mutex_;
  uint64_t used_bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t last_age_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<Digest, uint64_t, DigestHash> blobs_ GUARDED_BY(mutex_);
  // Files of given-up blobs that could not be removed.
  std::unordered_map<Digest, uint64_t, DigestHash> lost_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, PartialEntry> partials_ GUARDED_BY(mutex_);
};

class PartialBlobImpl final : public PartialBlob {
 public:
  PartialBlobImpl(std::shared_ptr<DiskTierImpl> tier, std::string name, bool keep, UniqueFd fd, bool existed)
      : tier_(std::move(tier)), name_(std::move(name)), keep_(keep), existed_(existed), fd_(std::move(fd)) {}

  ~PartialBlobImpl() override {
    if (!fd_.valid()) return;
    fd_.Reset();
    if (keep_) {
      tier_->KeepPartial(name_);
    } else {
      tier_->RemovePartial(name_);
    }
  }

  bool existed() const override { return existed_; }

  bool MayHold(uint64_t offset_bytes, uint64_t size_bytes) const override {
    const off_t data = lseek(fd_.get(), static_cast<off_t>(offset_bytes), SEEK_DATA);
    if (data < 0) return errno != ENXIO;
    return static_cast<uint64_t>(data) < offset_bytes + size_bytes;
  }

  Status Write(uint64_t offset_bytes, const uint8_t* data, size_t size_bytes) override {
    Status status = tier_->Counted(WriteFully(fd_.get(), offset_bytes, data, size_bytes));
    // Starts the writing out now, so that the sync at the end finds little left. Only a matter of speed.
    if (status.ok()) {
      (void)sync_file_range(fd_.get(), static_cast<off_t>(offset_bytes), static_cast<off_t>(size_bytes),
                            SYNC_FILE_RANGE_WRITE);
    }
    return status;
  }

  Status Read(uint64_t offset_bytes, uint8_t* target, size_t size_bytes) const override {
    return ReadFully(fd_.get(), offset_bytes, target, size_bytes);
  }

  Status Commit(const Digest& digest, bool drop_cache) override {
    Status status = tier_->CommitPartial(name_, fd_.get(), digest, drop_cache);
    fd_.Reset();
    if (!status.ok()) tier_->RemovePartial(name_);
    return status;
  }

  void Discard() override {
    fd_.Reset();
    tier_->RemovePartial(name_);
  }

 private:
  const std::shared_ptr<DiskTierImpl> tier_;
  const std::string name_;
  const bool keep_;
  const bool existed_;
  // Invalid once the object is used up.
  UniqueFd fd_;
};

Status DiskTierImpl::Begin(const std::string& name, bool keep, uint64_t size_bytes,
                           std::unique_ptr<PartialBlob>* partial) {
  bool existed = false;
  Status status = Account(name, size_bytes, &existed);
  if (!status.ok()) return status;
  const std::string path = PartialPath(name);
  UniqueFd fd;
  status = OpenPartial(path, /*truncate=*/!existed, &fd);
  if (status.ok()) status = Preallocate(fd.get(), size_bytes);
  if (!Counted(status).ok()) {
    RemovePartial(name);
    return status;
  }
  auto self = std::static_pointer_cast<DiskTierImpl>(shared_from_this());
  *partial = std::make_unique<PartialBlobImpl>(std::move(self), name, keep, std::move(fd), existed);
  return Status();
}

}  // namespace

Status DiskTier::Open(const std::string& path, uint64_t limit_bytes, std::shared_ptr<DiskTier>* tier) {
  auto opened = std::make_shared<DiskTierImpl>(path, limit_bytes);
  Status status = opened->Init();
  if (status.ok()) *tier = std::move(opened);
  return status;
}

}  // namespace holdfast
