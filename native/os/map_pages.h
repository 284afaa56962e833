// Pages of memory: how large those of a file are, and mapping many at once, where a write to each would be a fault of its own.
#ifndef HOLDFAST_SRC_MAP_PAGES_H_
#define HOLDFAST_SRC_MAP_PAGES_H_

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdint>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace holdfast {

inline uint64_t PageBytes() {
  static const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return page_bytes;
}

inline uint64_t RoundUp(uint64_t bytes, uint64_t unit_bytes) { return (bytes + unit_bytes - 1) / unit_bytes * unit_bytes; }

// Of reserved large pages, else the usual ones. The length of a file of large pages is a multiple of these, and so is that of its mappings:
// mmap rounds up by itself, munmap refuses everything else.
inline uint64_t FilePageBytes(int fd) {
  struct statfs system;
  const bool is_large = fstatfs(fd, &system) == 0 && system.f_type == HUGETLBFS_MAGIC;
  return is_large ? static_cast<uint64_t>(system.f_bsize) : PageBytes();
}

// Only a matter of speed, and absent before Linux 5.14.
inline void MapPages(uint8_t* target, uint64_t size_bytes) {
  const auto address = reinterpret_cast<uintptr_t>(target);
  const uintptr_t start = address / PageBytes() * PageBytes();
  const uintptr_t end = (address + size_bytes + PageBytes() - 1) / PageBytes() * PageBytes();
  (void)madvise(target - (address - start), end - start, MADV_POPULATE_WRITE);
}

}  // namespace holdfast

#endif  // HOLDFAST_SRC_MAP_PAGES_H_
