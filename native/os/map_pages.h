// Maps the pages of a range of memory at once, where a write to each would be a fault of its own.
#ifndef HOLDFAST_SRC_MAP_PAGES_H_
#define HOLDFAST_SRC_MAP_PAGES_H_

#include <sys/mman.h>
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

// Only a matter of speed, and absent before Linux 5.14.
inline void MapPages(uint8_t* target, uint64_t size_bytes) {
  const auto address = reinterpret_cast<uintptr_t>(target);
  const uintptr_t start = address / PageBytes() * PageBytes();
  const uintptr_t end = (address + size_bytes + PageBytes() - 1) / PageBytes() * PageBytes();
  (void)madvise(target - (address - start), end - start, MADV_POPULATE_WRITE);
}

}  // namespace holdfast

#endif  // HOLDFAST_SRC_MAP_PAGES_H_
