// Why a timed wait: the store wakes the futex with every chunk, but a store that was killed wakes nobody. Its end is seen on the socket
// by the client's thread; a waiter looks whether that happened after each kLook.
#include "memory/ready_view.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace holdfast {

namespace {

constexpr std::chrono::milliseconds kLook{50};

Status Broken(const std::string& what) { return Status::Error(code::kStoreProtocol, "The store sent " + what + "."); }

std::string TextOf(const char* text, size_t size_max) { return std::string(text, strnlen(text, size_max)); }

void FutexWait(const std::atomic<uint32_t>* word, uint32_t seen, ReadyView::Clock::duration patience) {
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(patience).count();
  const timespec timeout = {static_cast<time_t>(nanoseconds / 1000000000), static_cast<long>(nanoseconds % 1000000000)};
  // Every way in which this can end, also an error, is met by the loop that called it. Not private: the store is another process.
  (void)syscall(SYS_futex, word, FUTEX_WAIT, seen, &timeout, nullptr, 0);
}

}  // namespace

Status ReadyView::Map(int fd, uint64_t size_bytes_min, uint64_t size_bytes_max, std::unique_ptr<ReadyView>* view) {
  struct stat info;
  if (fstat(fd, &info) != 0) return Status::Errno(code::kSystem, "Cannot stat a ready page", errno);
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || info.st_size < static_cast<off_t>(sizeof(ReadyHeader))) {
    return Broken("a ready page that is none");
  }
  const size_t map_bytes = static_cast<size_t>(info.st_size);
  void* map = mmap(nullptr, map_bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return Status::Errno(code::kSystem, "Cannot map a ready page", errno);
  std::unique_ptr<ReadyView> made(new ReadyView(static_cast<const uint8_t*>(map), map_bytes));
  Status status = made->Check(size_bytes_min, size_bytes_max);
  if (status.ok()) *view = std::move(made);
  return status;
}

ReadyView::~ReadyView() { munmap(const_cast<uint8_t*>(map_), map_bytes_); }

Status ReadyView::Check(uint64_t size_bytes_min, uint64_t size_bytes_max) {
  const uint64_t size_bytes = header().size_bytes;
  const uint64_t chunk_count = header().chunk_count;
  const bool fits = chunk_count > 0 && chunk_count <= (map_bytes_ - sizeof(ReadyHeader)) / sizeof(uint64_t) &&
                    ReadyBytes(chunk_count) <= map_bytes_;
  if (std::memcmp(header().magic, kReadyMagic, sizeof header().magic) != 0 || size_bytes < size_bytes_min || size_bytes > size_bytes_max || !fits) {
    return Broken("a ready page that is malformed");
  }
  ends_.resize(static_cast<size_t>(chunk_count));
  std::memcpy(ends_.data(), map_ + sizeof(ReadyHeader), ends_.size() * sizeof(uint64_t));
  uint64_t last = 0;
  for (const uint64_t end : ends_) {
    if (end <= last) return Broken("a ready page with chunks out of order");
    last = end;
  }
  return last == size_bytes ? Status() : Broken("a ready page of another size");
}

bool ReadyView::ChunkReady(size_t index) const {
  const auto* words = reinterpret_cast<const std::atomic<uint32_t>*>(map_ + sizeof(ReadyHeader) + ends_.size() * sizeof(uint64_t));
  return (words[index / 32].load(std::memory_order_acquire) >> (index % 32) & 1) != 0;
}

bool ReadyView::complete() const { return header().state.load(std::memory_order_acquire) == kComplete; }

bool ReadyView::IsReady(uint64_t offset_bytes, uint64_t size_bytes) const {
  const uint64_t end_bytes = offset_bytes + size_bytes;
  size_t index = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), offset_bytes) - ends_.begin());
  for (; index < ends_.size(); index++) {
    if (!ChunkReady(index)) return false;
    if (ends_[index] >= end_bytes) return true;
  }
  return size_bytes == 0;
}

uint64_t ReadyView::ready_bytes() const {
  uint64_t sum_bytes = 0;
  for (size_t i = 0; i < ends_.size(); i++) {
    if (ChunkReady(i)) sum_bytes += ends_[i] - (i == 0 ? 0 : ends_[i - 1]);
  }
  return sum_bytes;
}

Status ReadyView::Failure() const {
  const std::string code = TextOf(header().code, sizeof header().code);
  return Status::Error(code.empty() ? std::string(code::kSystem) : code, TextOf(header().message, sizeof header().message));
}

Status ReadyView::Wait(uint64_t offset_bytes, uint64_t size_bytes, Deadline deadline, const std::function<bool()>& ended) const {
  for (;;) {
    const uint32_t seen = header().sequence.load(std::memory_order_acquire);
    if (IsReady(offset_bytes, size_bytes)) return Status();
    if (header().state.load(std::memory_order_acquire) == kFailed) return Failure();
    if (ended()) {
      return Status::Error(code::kStoreUnreachable, "The store ended before these bytes arrived; open the model again.");
    }
    Clock::duration patience = kLook;
    if (deadline) {
      const Clock::duration left = *deadline - Clock::now();
      if (left <= Clock::duration::zero()) {
        return Status::Error(code::kDeadlineExceeded, "The bytes did not arrive before the deadline; allow more time.");
      }
      patience = std::min(patience, left);
    }
    FutexWait(&header().sequence, seen, patience);
  }
}

}  // namespace holdfast
