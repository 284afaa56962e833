// Straight from the disk into the segment's pages (O_DIRECT): a read by way of the page cache would make each page twice, copy it, and
// take the first away again, which costs twice the processor's time. What is in the page cache as a whole, as after a fetch to disk, is
// copied from there, since memory is faster than a disk. The same is done with what has no whole pages, the end of a file or a target
// that is not aligned, and with everything on a file system that refuses direct reads.
//
// Only whole pages are read directly, which blocks of disks do not exceed: a disk gives whole blocks, and what lies behind the end of a file is none of its bytes.
#include "disk/blob_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "disk/disk_files.h"
#include "disk/disk_tier.h"
#include "os/map_pages.h"

namespace holdfast {

BlobReader::BlobReader(UniqueFd fd, uint64_t size_bytes) : fd_(std::move(fd)), size_bytes_(size_bytes) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd_.get());
  direct_fd_.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
  may_be_direct_ = direct_fd_.valid();
  if (size_bytes_ == 0) return;
  void* map = mmap(nullptr, size_bytes_, PROT_READ, MAP_SHARED, fd_.get(), 0);
  if (map != MAP_FAILED) map_ = static_cast<uint8_t*>(map);
}

BlobReader::~BlobReader() {
  if (map_ != nullptr) munmap(map_, size_bytes_);
}

Status BlobReader::Read(uint64_t offset_bytes, uint8_t* target, uint64_t size_bytes) {
  uint64_t read_bytes = 0;
  const bool aligned = offset_bytes % PageBytes() == 0 && reinterpret_cast<uintptr_t>(target) % PageBytes() == 0;
  if (may_be_direct_ && aligned && !IsCached(offset_bytes, size_bytes)) {
    Status status = ReadDirect(offset_bytes, target, size_bytes / PageBytes() * PageBytes(), &read_bytes);
    if (!status.ok()) return status;
  }
  // A direct read maps its pages part by part, while earlier parts are on their way from the disk.
  if (size_bytes - read_bytes > PageBytes()) MapPages(target + read_bytes, size_bytes - read_bytes);
  Status status = ReadFully(fd_.get(), offset_bytes + read_bytes, target + read_bytes, size_bytes - read_bytes);
  // One copy per machine means one: the page cache would be the second.
  posix_fadvise(fd_.get(), static_cast<off_t>(offset_bytes), static_cast<off_t>(size_bytes), POSIX_FADV_DONTNEED);
  return status;
}

// Less than all of it when the file system refuses.
Status BlobReader::ReadDirect(uint64_t offset_bytes, uint8_t* target, uint64_t size_bytes, uint64_t* read_bytes) {
  while (*read_bytes < size_bytes) {
    const ssize_t got = pread(direct_fd_.get(), target + *read_bytes, size_bytes - *read_bytes,
                              static_cast<off_t>(offset_bytes + *read_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EINVAL || errno == EOPNOTSUPP)) may_be_direct_ = false;
    // A part of a page: the rest is no longer aligned.
    if ((got < 0 && !may_be_direct_) || (got >= 0 && static_cast<uint64_t>(got) % PageBytes() != 0)) return Status();
    if (got < 0) return DiskError("Cannot read from the disk tier", errno);
    if (got == 0) return Status::Error(code::kDiskFailed, "A file of the disk tier is shorter than it was.");
    *read_bytes += static_cast<uint64_t>(got);
  }
  return Status();
}

bool BlobReader::IsCached(uint64_t offset_bytes, uint64_t size_bytes) const {
  if (map_ == nullptr || size_bytes == 0) return false;
  std::vector<unsigned char> pages((size_bytes + PageBytes() - 1) / PageBytes());
  return mincore(map_ + offset_bytes, size_bytes, pages.data()) == 0 &&
         std::all_of(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; });
}

}  // namespace holdfast
