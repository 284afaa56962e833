// Invariants: files and blobs arrive in order, without gaps. Every descriptor is mapped at once, and closed unless it is kept, so that a
// model of any number of files needs few of them. A blob is mapped only when its seals promise that it can neither shrink (a read
// would die of SIGBUS) nor be written (by another holder), or when the store says that it exports it as a read-only file, for which
// its operator answers; one that still arrives comes with a ready page, and its address
// leaves this file only for ranges that the page has marked.
#include "client/model_assembly.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <utility>

#include "memory/ready_view.h"
#include "os/map_pages.h"

namespace holdfast {

namespace {

Status Broken(const std::string& what) {
  return Status::Error(code::kStoreProtocol, "The store sent " + what + ".");
}

// Further off than this is as good as never, and would overflow the clock.
constexpr uint64_t kDeadlineMsMax = uint64_t{1} << 40;
// Descriptors of small segments are not worth a place in the process's table, and a process may not have many.
constexpr uint64_t kKeptBytesMin = 1 << 20;
constexpr int kKeptMax = 256;
std::atomic<int> kept_count = 0;

// A place among the kept descriptors of the process.
class KeptFd {
 public:
  KeptFd() = default;
  explicit KeptFd(UniqueFd fd) {
    if (kept_count.fetch_add(1) < kKeptMax) {
      fd_ = std::move(fd);
    } else {
      kept_count--;
    }
  }
  ~KeptFd() {
    if (fd_.valid()) kept_count--;
  }
  KeptFd(KeptFd&& other) noexcept = default;
  KeptFd& operator=(KeptFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

struct Blob {
  const uint8_t* data = nullptr;
  uint64_t size_bytes = 0;
  // The file behind it, which of large pages is longer than the blob.
  uint64_t map_bytes = 0;
  uint64_t page_bytes = 0;
  KeptFd fd;
  // Null when it was complete from the beginning.
  std::unique_ptr<ReadyView> ready;

  bool has_large_pages() const { return page_bytes > PageBytes(); }
};

// A read-only descriptor of a file in memory that its mode lets nobody write.
bool IsExported(int fd, const struct stat& info) {
  struct statfs system;
  return fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC && S_ISREG(info.st_mode) && (info.st_mode & 0222) == 0 &&
         (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

// Nobody but the store's own filler can have a mapping from before the seal.
bool IsSealed(int fd) {
  const int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
}

Status MapBlob(UniqueFd fd, bool exported, const UniqueFd* ready_page, Blob* blob) {
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return Status::Errno(code::kSystem, "Cannot stat a segment", errno);
  const bool sealed = IsSealed(fd.get());
  if (!sealed && !(exported && IsExported(fd.get(), info))) return Broken("a descriptor that is not a sealed segment");
  if (info.st_size == 0) return Status();
  const auto map_bytes = static_cast<uint64_t>(info.st_size);
  blob->page_bytes = FilePageBytes(fd.get());
  blob->size_bytes = blob->has_large_pages() ? 0 : map_bytes;
  if (ready_page != nullptr) {
    const uint64_t size_bytes_min = blob->has_large_pages() ? map_bytes - blob->page_bytes + 1 : map_bytes;
    Status status = ReadyView::Map(ready_page->get(), size_bytes_min, map_bytes, &blob->ready);
    if (!status.ok()) return status;
    blob->size_bytes = blob->ready->size_bytes();
  }
  void* map = mmap(nullptr, map_bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (map == MAP_FAILED) return Status::Errno(code::kSystem, "Cannot map a segment", errno);
  blob->data = static_cast<const uint8_t*>(map);
  blob->map_bytes = map_bytes;
  // A store that comes back takes sealed segments only.
  if (sealed && map_bytes >= kKeptBytesMin) blob->fd = KeptFd(std::move(fd));
  return Status();
}

}  // namespace

class ModelAssembly::Lease final : public OpenedModel {
 public:
  explicit Lease(std::shared_ptr<ClientLink> link) : link_(std::move(link)) {}

  ~Lease() override {
    for (const Blob& blob : blobs_) {
      if (blob.data != nullptr) munmap(const_cast<uint8_t*>(blob.data), blob.map_bytes);
    }
    if (id_ != 0) link_->Send(FrameWriter(FrameType::kClose, 0).U64(id_).Take());
  }

  const std::string& digest() const override { return digest_; }
  const std::vector<OpenedFile>& files() const override { return files_; }
  size_t blob_count() const override { return blobs_.size(); }
  uint64_t blob_size_bytes(size_t index) const { return blobs_[index].size_bytes; }

  MappedBlob blob(size_t index) const override {
    const Blob& blob = blobs_[index];
    const bool complete = blob.ready == nullptr || blob.ready->complete();
    return {complete ? blob.data : nullptr, blob.size_bytes};
  }

  Status WaitRange(size_t index, uint64_t offset_bytes, uint64_t size_bytes, uint64_t deadline_ms,
                   const uint8_t** data) const override {
    const Blob& blob = blobs_[index];
    if (offset_bytes > blob.size_bytes || size_bytes > blob.size_bytes - offset_bytes) {
      return Status::Error(code::kBadRequest, "The range ends beyond the file, which has " + std::to_string(blob.size_bytes) + " bytes.");
    }
    if (blob.ready != nullptr && size_bytes > 0) {
      ReadyView::Deadline deadline;
      if (deadline_ms < kDeadlineMsMax) deadline = ReadyView::Clock::now() + std::chrono::milliseconds(deadline_ms);
      Status status = blob.ready->Wait(offset_bytes, size_bytes, deadline, [this] { return link_->down(); });
      if (!status.ok()) return status;
    }
    *data = size_bytes == 0 ? nullptr : blob.data + offset_bytes;
    return Status();
  }

  uint64_t ready_bytes(size_t index) const override {
    const Blob& blob = blobs_[index];
    return blob.ready == nullptr ? blob.size_bytes : blob.ready->ready_bytes();
  }

  int blob_fd(size_t index) const override { return blobs_[index].has_large_pages() ? -1 : blobs_[index].fd.get(); }

  std::vector<HeldSegment> Held() const override {
    std::vector<HeldSegment> held;
    std::vector<bool> seen(blobs_.size());
    for (const OpenedFile& file : files_) {
      const Blob& blob = blobs_[file.blob];
      if (seen[file.blob] || blob.fd.get() < 0 || (blob.ready != nullptr && !blob.ready->complete())) continue;
      seen[file.blob] = true;
      UniqueFd copy(fcntl(blob.fd.get(), F_DUPFD_CLOEXEC, 0));
      if (copy.valid()) held.push_back({file.sha256, blob.size_bytes, std::move(copy)});
    }
    return held;
  }

  Status Add(FrameReader* frame, std::vector<UniqueFd> fds) {
    const uint64_t id = frame->U64();
    const std::string digest(frame->Str());
    const uint32_t files_total = frame->U32();
    const uint32_t blobs_total = frame->U32();
    const uint32_t first_file = frame->U32();
    const uint32_t file_count = frame->U32();
    const uint32_t first_blob = frame->U32();
    const uint32_t blob_count = frame->U32();
    if (!frame->ok() || id == 0) return Broken("a malformed model frame");
    if (id_ == 0) {
      id_ = id;
      digest_ = digest;
      files_total_ = files_total;
      blobs_total_ = blobs_total;
    }
    if (id != id_ || digest != digest_ || files_total != files_total_ || blobs_total != blobs_total_ ||
        first_file != files_.size() || first_blob != blobs_.size() || blob_count > fds.size() ||
        file_count > files_total - first_file || blob_count > blobs_total - first_blob ||
        (file_count == 0 && blob_count == 0 && files_total > 0)) {
      return Broken("model frames that contradict each other");
    }
    for (uint32_t i = 0; i < file_count && frame->ok(); i++) AddFile(frame);
    std::vector<bool> arriving(blob_count);
    std::vector<bool> exported(blob_count);
    size_t fds_needed = blob_count;
    for (uint32_t i = 0; i < blob_count && link_->version() >= 2; i++) {
      const uint8_t state = frame->U8();
      arriving[i] = (state & kBlobArriving) != 0;
      exported[i] = (state & kBlobExported) != 0;
      fds_needed += arriving[i];
    }
    if (!frame->AtEnd() || fds_needed != fds.size()) return Broken("a malformed model frame");
    size_t next = 0;
    for (uint32_t i = 0; i < blob_count; i++) {
      blobs_.emplace_back();
      UniqueFd& fd = fds[next++];
      const UniqueFd* ready_page = arriving[i] ? &fds[next++] : nullptr;
      Status status = MapBlob(std::move(fd), exported[i], ready_page, &blobs_.back());
      if (!status.ok()) return status;
    }
    return complete() ? CheckFiles() : Status();
  }

  bool complete() const {
    return id_ != 0 && files_.size() == files_total_ && blobs_.size() == blobs_total_;
  }

 private:
  void AddFile(FrameReader* frame) {
    OpenedFile file;
    file.blob = frame->U32();
    file.size_bytes = frame->U64();
    frame->Raw(file.sha256.bytes.data(), file.sha256.bytes.size());
    file.path = frame->Str();
    files_.push_back(std::move(file));
  }

  // A descriptor of large pages tells the size of its blob only to within one of them; the first file of it tells it exactly.
  static void Settle(Blob* blob, uint64_t size_bytes) {
    const bool fits = size_bytes > 0 && size_bytes <= blob->map_bytes && blob->map_bytes - size_bytes < blob->page_bytes;
    if (blob->has_large_pages() && blob->size_bytes == 0 && fits) blob->size_bytes = size_bytes;
  }

  Status CheckFiles() {
    for (const OpenedFile& file : files_) {
      if (file.blob < blobs_.size()) Settle(&blobs_[file.blob], file.size_bytes);
      if (file.blob >= blobs_.size() || blobs_[file.blob].size_bytes != file.size_bytes) {
        return Broken("a segment that has not the size of its file " + file.path);
      }
    }
    return Status();
  }

  const std::shared_ptr<ClientLink> link_;
  uint64_t id_ = 0;
  std::string digest_;
  uint32_t files_total_ = 0;
  uint32_t blobs_total_ = 0;
  std::vector<OpenedFile> files_;
  std::vector<Blob> blobs_;
};

ModelAssembly::ModelAssembly(std::shared_ptr<ClientLink> link) : lease_(std::make_unique<Lease>(std::move(link))) {}
ModelAssembly::~ModelAssembly() = default;

Status ModelAssembly::Add(FrameReader* frame, std::vector<UniqueFd> fds) { return lease_->Add(frame, std::move(fds)); }
bool ModelAssembly::complete() const { return lease_->complete(); }
std::unique_ptr<OpenedModel> ModelAssembly::Take() { return std::move(lease_); }

}  // namespace holdfast
