// Life of a segment:
//
//   Create   memfd 0400, sized, mapped writable once   seals FUTURE_WRITE GROW SHRINK   read-only reopen
//   Allocate pages of a range, without bytes
//   Prepare  the same, and mapped
//   Seal     unmapped, writing descriptor closed       seals + WRITE SEAL, or SEAL alone while a reader keeps a page busy
//   Reattach a sealed one of a store that has gone: from here on like one that was sealed here
//
// An exported one is a file without a name until Seal gives it one; it has no seals, and the folder's header says what that means.
//
// Invariants: the descriptor that can write never leaves this file. Before any descriptor can leave, the seals make every
// further writable mapping and every write() fail, also for root that reopens the file through /proc. map_ is the only
// writable mapping and is not inherited by a fork.
//
// Large pages. Reserved ones (hugetlbfs) are tried first: the mapping claims as many as the segment needs, all or none, so that a
// reservation that does not suffice is noticed before a byte is written, and the segment gets the usual pages. The file is then longer than
// the blob, by less than a page. Without reserved ones the kernel is asked for large pages of shared memory, where it is set up to give
// them; it may give any mixture. Those it gives for a mapping that asked, not for fallocate: so pages are populated through the mapping first.
//
// Pages are allocated by range as chunks arrive, not all at once when the fill begins: the limit is reserved up front, but
// zeroing 30 GB up front would hold the first chunk back for seconds. Each range is allocated in one call, which is what
// counts: faulting pages in one by one is four times slower.
#include "memory/segment.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "memory/export_folder.h"
#include "os/map_pages.h"
#include "os/unique_fd.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace holdfast {

namespace {

// False where the kernel does not let a process do so: a filter of system calls, say.
bool CopyByKernel(uint8_t* target, const uint8_t* data, uint64_t size_bytes) {
  static std::atomic<bool> is_refused = false;
  if (is_refused) return false;
  const iovec from = {const_cast<uint8_t*>(data), size_bytes};
  const iovec to = {target, size_bytes};
  if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) == static_cast<ssize_t>(size_bytes)) return true;
  // After a part of it the rest is copied by other means.
  is_refused = true;
  return false;
}

// Reserved pages have this size on all machines that we run on; another size is not asked for.
constexpr uint64_t kLargePageBytes = 2 << 20;
// MFD_HUGETLB | MFD_HUGE_2MB, which not every header has.
constexpr unsigned kMemfdLarge = 0x0004u | (21u << 26);
// A segment wastes less than this share of itself on the end of its last page.
constexpr uint64_t kWasteShare = 16;

bool IsWorthLargePages(uint64_t size_bytes) {
  return size_bytes >= kLargePageBytes && RoundUp(size_bytes, kLargePageBytes) - size_bytes <= size_bytes / kWasteShare;
}

// The kernel's switch for shared memory of no mounted file system: "always within_size [advise] never deny force".
bool GivesLargePages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  std::string text;
  std::getline(file, text);
  return text.find('[') != std::string::npos && text.find("[never]") == std::string::npos && text.find("[deny]") == std::string::npos;
}

class SegmentImpl final : public Segment {
 public:
  SegmentImpl(uint64_t size_bytes, MemoryReservation reservation)
      : reservation_(std::move(reservation)), size_bytes_(size_bytes) {}

  ~SegmentImpl() override {
    if (folder_ != nullptr && sealed_) folder_->Remove(digest_, read_fd_.get());
    Unmap();
  }

  Status Init(const std::string& label) {
    const bool may_be_large = reservation_.may_be_large() && IsWorthLargePages(size_bytes_);
    if (may_be_large && InitReserved(label)) return Status();
    Status status = InitMemfd(label, 0, size_bytes_);
    if (!status.ok()) return status;
    if (may_be_large && GivesLargePages()) AskForLargePages();
    return status;
  }

  Status InitExported(const Digest& digest, std::shared_ptr<ExportFolder> folder) {
    Status status = folder->NewFile(&write_fd_);
    if (status.ok()) status = MapWritable(size_bytes_);
    if (status.ok()) status = OpenReadOnly(write_fd_.get());
    if (status.ok() && reservation_.may_be_large() && IsWorthLargePages(size_bytes_) && folder->gives_large_pages()) AskForLargePages();
    digest_ = digest;
    folder_ = std::move(folder);
    return status;
  }

  Status InitReattached(UniqueFd fd) {
    struct stat info;
    struct statfs system;
    if (fstat(fd.get(), &info) != 0 || fstatfs(fd.get(), &system) != 0) return Failure("Cannot stat a segment that is handed back");
    constexpr int kNeeded = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    const int seals = fcntl(fd.get(), F_GET_SEALS);
    const bool is_large = system.f_type == HUGETLBFS_MAGIC;
    const uint64_t file_bytes = RoundUp(size_bytes_, is_large ? static_cast<uint64_t>(system.f_bsize) : 1);
    const bool fits = S_ISREG(info.st_mode) && info.st_size >= 0 && static_cast<uint64_t>(info.st_size) == file_bytes;
    if (!fits || (system.f_type != TMPFS_MAGIC && !is_large) || seals < 0 || (seals & kNeeded) != kNeeded) {
      return Status::Error(code::kBadRequest, "A segment that is handed back is not a sealed memfd of its blob's size.");
    }
    if (is_large && !TakePages(file_bytes, Pages::kReserved)) {
      return Status::Error(code::kMemoryFull, "memory.limitBytes has no room for the large pages of a segment that is handed back.")
          .With("neededBytes", file_bytes);
    }
    file_bytes_ = file_bytes;
    // Of our own, so that nobody shares its flags and position.
    Status status = OpenReadOnly(fd.get());
    sealed_ = status.ok();
    return status;
  }

  uint64_t size_bytes() const override { return size_bytes_; }
  Pages pages() const override { return pages_; }

  Status Allocate(uint64_t offset_bytes, uint64_t size_bytes) override {
    if (size_bytes == 0 || map_ == nullptr) return Status();
    // What this cannot get, fallocate gets or refuses.
    if (pages_ == Pages::kAsked) MapPages(map_ + offset_bytes, size_bytes);
    if (fallocate(write_fd_.get(), 0, static_cast<off_t>(offset_bytes), static_cast<off_t>(size_bytes)) != 0) {
      return Status::Errno(code::kMemoryFull, "The machine has no memory left for a segment", errno)
          .With("neededBytes", size_bytes);
    }
    return Status();
  }

  uint8_t* writable() override { return map_; }

  Status Seal() override {
    Unmap();
    if (folder_ != nullptr) {
      Status status = folder_->Place(digest_, write_fd_.get());
      if (!status.ok()) return status;
    } else if (!AddLastSeals(write_fd_.get())) {
      return Failure("Cannot seal a segment");
    }
    write_fd_.Reset();
    sealed_ = true;
    return Status();
  }

  bool sealed() const override { return sealed_; }
  bool exported() const override { return folder_ != nullptr; }
  int read_only_fd() const override { return read_fd_.get(); }

  Status Read(uint64_t offset_bytes, uint64_t size_bytes, uint8_t* target) const override {
    if (offset_bytes > size_bytes_ || size_bytes > size_bytes_ - offset_bytes) {
      return Status::Error(code::kBadRequest, "The range ends beyond the blob.");
    }
    while (size_bytes > 0) {
      const ssize_t got = pread(read_fd_.get(), target, size_bytes, static_cast<off_t>(offset_bytes));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return Failure("Cannot read a segment");
      target += got;
      offset_bytes += static_cast<uint64_t>(got);
      size_bytes -= static_cast<uint64_t>(got);
    }
    return Status();
  }

 private:
  static Status Failure(const char* what) { return Status::Errno(code::kSystem, what, errno); }

  // A client that reads what arrives can keep a page busy for as long as it likes, by putting it into a pipe say, and F_SEAL_WRITE fails
  // then. It is no more than a second lock: F_SEAL_FUTURE_WRITE holds, and the mapping and the descriptor from before it go here. Only a
  // store that is handed the segment back cannot know that, and will not take it.
  static bool AddLastSeals(int fd) {
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0) return true;
    return errno == EBUSY && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) == 0;
  }

  Status InitMemfd(const std::string& label, unsigned flags, uint64_t file_bytes) {
    write_fd_.Reset(memfd_create(label.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
    if (!write_fd_.valid()) return Failure("Cannot create a memfd");
    const int fd = write_fd_.get();
    if (fchmod(fd, 0400) != 0) return Failure("Cannot set the mode of a memfd");
    Status status = MapWritable(file_bytes);
    if (!status.ok()) return status;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
      return Failure("Cannot seal a segment against future writers (Linux 5.1 or later is needed)");
    }
    return OpenReadOnly(fd);
  }

  // False, and nothing is kept, when not enough pages are reserved, the budget has no room for the end of the last one, or the kernel cannot
  // seal such a file: before Linux 5.19 it knew the seal and let new writable mappings be made.
  bool InitReserved(const std::string& label) {
    const uint64_t usual_bytes = reservation_.bytes();
    const uint64_t file_bytes = RoundUp(size_bytes_, kLargePageBytes);
    if (!TakePages(file_bytes, Pages::kReserved)) return false;
    if (InitMemfd(label, kMemfdLarge, file_bytes).ok() && IsClosedToWriters()) return true;
    Unmap();
    read_fd_.Reset();
    write_fd_.Reset();
    (void)TakePages(usual_bytes, Pages::kUsual);
    return false;
  }

  bool IsClosedToWriters() const {
    void* map = mmap(nullptr, file_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, write_fd_.get(), 0);
    if (map == MAP_FAILED) return true;
    munmap(map, file_bytes_);
    return false;
  }

  void AskForLargePages() {
    if (madvise(map_, file_bytes_, MADV_HUGEPAGE) == 0) (void)TakePages(reservation_.bytes(), Pages::kAsked);
  }

  bool TakePages(uint64_t bytes, Pages pages) {
    if (!reservation_.Change(bytes, pages)) return false;
    pages_ = pages;
    return true;
  }

  Status MapWritable(uint64_t file_bytes) {
    if (ftruncate(write_fd_.get(), static_cast<off_t>(file_bytes)) != 0) return Failure("Cannot set the size of a segment");
    if (file_bytes == 0) return Status();
    void* map = mmap(nullptr, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, write_fd_.get(), 0);
    if (map == MAP_FAILED) return Failure("Cannot map a segment");
    map_ = static_cast<uint8_t*>(map);
    file_bytes_ = file_bytes;
    return madvise(map_, file_bytes_, MADV_DONTFORK) == 0 ? Status() : Failure("Cannot keep a segment out of forks");
  }

  Status OpenReadOnly(int fd) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    read_fd_.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return read_fd_.valid() ? Status() : Failure("Cannot reopen a segment read-only through /proc");
  }

  void Unmap() {
    if (map_ != nullptr) munmap(map_, file_bytes_);
    map_ = nullptr;
  }

  // First, so that it is given back last: after the memory has been freed.
  MemoryReservation reservation_;
  const uint64_t size_bytes_;
  UniqueFd write_fd_;
  UniqueFd read_fd_;
  uint8_t* map_ = nullptr;
  // Of its descriptors and mappings: more than size_bytes_ on reserved pages.
  uint64_t file_bytes_ = 0;
  Pages pages_ = Pages::kUsual;
  std::atomic<bool> sealed_ = false;
  Digest digest_;
  // Null for a memfd.
  std::shared_ptr<ExportFolder> folder_;
};

}  // namespace

Status Segment::Prepare(uint64_t offset_bytes, uint64_t size_bytes) {
  Status status = Allocate(offset_bytes, size_bytes);
  if (status.ok() && writable() != nullptr) MapPages(writable() + offset_bytes, size_bytes);
  return status;
}

Status Segment::Write(uint64_t offset_bytes, const uint8_t* data, uint64_t size_bytes) {
  Status status = Allocate(offset_bytes, size_bytes);
  if (!status.ok() || writable() == nullptr) return status;
  uint8_t* target = writable() + offset_bytes;
  if (CopyByKernel(target, data, size_bytes)) return status;
  MapPages(target, size_bytes);
  std::memcpy(target, data, size_bytes);
  return status;
}

Status Segment::Reattach(UniqueFd fd, uint64_t size_bytes, MemoryReservation reservation, std::shared_ptr<Segment>* segment) {
  auto reattached = std::make_shared<SegmentImpl>(size_bytes, std::move(reservation));
  Status status = reattached->InitReattached(std::move(fd));
  if (status.ok()) *segment = std::move(reattached);
  return status;
}

Status Segment::CreateFor(const Digest& digest, uint64_t size_bytes, MemoryReservation reservation,
                          std::shared_ptr<ExportFolder> folder, std::shared_ptr<Segment>* segment) {
  if (folder == nullptr) return Create("holdfast:" + digest.ToHex(), size_bytes, std::move(reservation), segment);
  auto created = std::make_shared<SegmentImpl>(size_bytes, std::move(reservation));
  Status status = created->InitExported(digest, std::move(folder));
  if (status.ok()) *segment = std::move(created);
  return status;
}

Status Segment::Create(const std::string& label, uint64_t size_bytes, MemoryReservation reservation,
                       std::shared_ptr<Segment>* segment) {
  auto created = std::make_shared<SegmentImpl>(size_bytes, std::move(reservation));
  Status status = created->Init(label);
  if (status.ok()) *segment = std::move(created);
  return status;
}

}  // namespace holdfast
