// Invariant: the mapping here is the only writable one, and the descriptor that could make another is closed before any leaves.
#include "memory/ready_bitmap.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace holdfast {

Status ReadyBitmap::Create(const std::string& label, const std::vector<uint64_t>& ends, std::shared_ptr<ReadyBitmap>* bitmap) {
  const size_t map_bytes = ReadyBytes(ends.size());
  UniqueFd fd(memfd_create(label.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid() || fchmod(fd.get(), 0400) != 0) return Status::Errno(code::kSystem, "Cannot create a ready page", errno);
  // Allocated now: a store into a page that the machine does not have would be SIGBUS.
  if (fallocate(fd.get(), 0, 0, static_cast<off_t>(map_bytes)) != 0) {
    return Status::Errno(code::kMemoryFull, "The machine has no memory left for a ready page", errno);
  }
  void* map = mmap(nullptr, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (map == MAP_FAILED) return Status::Errno(code::kSystem, "Cannot map a ready page", errno);
  auto* bytes = static_cast<uint8_t*>(map);
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  const bool closed = madvise(map, map_bytes, MADV_DONTFORK) == 0 &&
                      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
  UniqueFd read_only(closed ? open(path.c_str(), O_RDONLY | O_CLOEXEC) : -1);
  if (!read_only.valid()) {
    const int error = errno;
    munmap(map, map_bytes);
    return Status::Errno(code::kSystem, "Cannot seal a ready page", error);
  }
  std::shared_ptr<ReadyBitmap> made(new ReadyBitmap(std::move(read_only), bytes, map_bytes));
  std::memcpy(made->header().magic, kReadyMagic, sizeof made->header().magic);
  made->header().size_bytes = ends.back();
  made->header().chunk_count = ends.size();
  std::memcpy(bytes + sizeof(ReadyHeader), ends.data(), ends.size() * sizeof(uint64_t));
  *bitmap = std::move(made);
  return Status();
}

ReadyBitmap::~ReadyBitmap() { munmap(map_, map_bytes_); }

void ReadyBitmap::MarkReady(uint32_t chunk) {
  auto* words = reinterpret_cast<std::atomic<uint32_t>*>(map_ + sizeof(ReadyHeader) + header().chunk_count * sizeof(uint64_t));
  words[chunk / 32].fetch_or(uint32_t{1} << (chunk % 32), std::memory_order_release);
  Announce();
}

void ReadyBitmap::Complete() {
  header().state.store(kComplete, std::memory_order_release);
  Announce();
}

void ReadyBitmap::Fail(const Status& status) {
  ReadyHeader& page = header();
  std::memcpy(page.code, status.code().data(), std::min(status.code().size(), sizeof page.code - 1));
  std::memcpy(page.message, status.message().data(), std::min(status.message().size(), sizeof page.message - 1));
  page.state.store(kFailed, std::memory_order_release);
  Announce();
}

void ReadyBitmap::Announce() {
  header().sequence.fetch_add(1, std::memory_order_release);
  // Nobody can write down here that he waits: clients only read. A call without waiters costs less than a microsecond.
  (void)syscall(SYS_futex, &header().sequence, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace holdfast
