// Invariant: a buffer of a thread is used by one call at a time, for calls do not nest.
#include "files/file_work.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "os/mutex.h"
#include "os/sha256.h"

namespace holdfast {

namespace {

// Hashed at once after it was read, while it is still in the cache of the processor.
constexpr size_t kPieceBytes = 256 << 10;
// Runs of zeros of this length stay holes: a multiple of what file systems allot.
constexpr size_t kHoleBytes = 64 << 10;
// Most files end in a chunk of a size of their own.
constexpr size_t kZeroDigestsMax = 64;

bool IsZero(const uint8_t* data, size_t size_bytes) {
  if (size_bytes == 0 || data[0] != 0 || data[size_bytes - 1] != 0) return false;
  return std::memcmp(data, data + 1, size_bytes - 1) == 0;
}

struct ZeroDigests {
  Mutex mutex;
  std::unordered_map<size_t, Digest> by_size GUARDED_BY(mutex);
};

Digest ZeroDigest(const uint8_t* zeros, size_t size_bytes) {
  // Never freed: threads may end after static objects have.
  static auto* const known = new ZeroDigests();
  {
    MutexLock lock(&known->mutex);
    const auto found = known->by_size.find(size_bytes);
    if (found != known->by_size.end()) return found->second;
  }
  const Digest digest = Sha256::Of(zeros, size_bytes);
  MutexLock lock(&known->mutex);
  if (known->by_size.size() < kZeroDigestsMax) known->by_size.emplace(size_bytes, digest);
  return digest;
}

// Fewer bytes at the end of the file.
Status ReadSome(int fd, uint64_t offset_bytes, uint8_t* target, size_t size_bytes, size_t* read_bytes) {
  *read_bytes = 0;
  while (*read_bytes < size_bytes) {
    const ssize_t got = pread(fd, target + *read_bytes, size_bytes - *read_bytes, static_cast<off_t>(offset_bytes + *read_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::Errno(code::kSystem, "read", errno);
    if (got == 0) break;
    *read_bytes += static_cast<size_t>(got);
  }
  return Status();
}

Status WriteAll(int fd, uint64_t offset_bytes, const uint8_t* data, size_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t put = pwrite(fd, data, size_bytes, static_cast<off_t>(offset_bytes));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return Status::Errno(code::kSystem, "write", put < 0 ? errno : ENOSPC);
    data += put;
    offset_bytes += static_cast<uint64_t>(put);
    size_bytes -= static_cast<size_t>(put);
  }
  return Status();
}

Status WriteSparse(const uint8_t* data, size_t size_bytes, const FilePlace& to) {
  size_t start = 0;
  Status status;
  for (size_t at = 0; status.ok() && at < size_bytes; at += kHoleBytes) {
    const size_t end = std::min(at + kHoleBytes, size_bytes);
    if (to.offset_bytes + at < to.zeros_from_bytes || !IsZero(data + at, end - at)) continue;
    status = WriteAll(to.fd, to.offset_bytes + start, data + start, at - start);
    // Its last byte is written, so that the file reaches as far; a truncate could cut off what another has written.
    start = end == size_bytes ? end - 1 : end;
  }
  if (status.ok()) status = WriteAll(to.fd, to.offset_bytes + start, data + start, size_bytes - start);
  // Starts the writing out now, so that a sync at the end finds little left. Only a matter of speed.
  if (status.ok()) {
    (void)sync_file_range(to.fd, static_cast<off_t>(to.offset_bytes), static_cast<off_t>(size_bytes), SYNC_FILE_RANGE_WRITE);
  }
  return status;
}

// Of the thread, not zeroed, for the length of one call.
uint8_t* BufferOf(size_t size_bytes) {
  struct Buffer {
    std::unique_ptr<uint8_t[]> bytes;
    size_t size_bytes = 0;
  };
  thread_local Buffer buffer;
  if (buffer.size_bytes < size_bytes) {
    buffer.bytes.reset(new uint8_t[size_bytes]);
    buffer.size_bytes = size_bytes;
  }
  return buffer.bytes.get();
}

}  // namespace

Digest DigestOf(const uint8_t* data, size_t size_bytes) {
  return IsZero(data, size_bytes) ? ZeroDigest(data, size_bytes) : Sha256::Of(data, size_bytes);
}

Status HashRange(const FileRange& range, Digest* digest, bool* whole) {
  uint8_t* const buffer = BufferOf(kPieceBytes);
  Sha256 hash;
  *whole = true;
  for (uint64_t at = 0; at < range.size_bytes && *whole;) {
    const size_t part = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, range.size_bytes - at));
    size_t read_bytes = 0;
    Status status = ReadSome(range.fd, range.offset_bytes + at, buffer, part, &read_bytes);
    if (!status.ok()) return status;
    hash.Update(buffer, read_bytes);
    at += read_bytes;
    *whole = read_bytes == part;
  }
  if (*whole) *digest = hash.Final();
  return Status();
}

Status ReadHashed(const FileRange& range, uint8_t* target, Digest* digest, bool* whole) {
  // The first piece tells nearly always whether there are only zeros.
  Sha256 hash;
  bool zero = true;
  *whole = true;
  const size_t size_bytes = static_cast<size_t>(range.size_bytes);
  for (size_t at = 0; at < size_bytes;) {
    const size_t part = std::min(kPieceBytes, size_bytes - at);
    size_t read_bytes = 0;
    Status status = ReadSome(range.fd, range.offset_bytes + at, target + at, part, &read_bytes);
    if (!status.ok()) return status;
    *whole = read_bytes == part;
    if (!*whole) return Status();
    if (zero && !IsZero(target + at, part)) {
      zero = false;
      hash.Update(target, at);
    }
    if (!zero) hash.Update(target + at, part);
    at += part;
  }
  *digest = zero && size_bytes > 0 ? ZeroDigest(target, size_bytes) : hash.Final();
  return Status();
}

Status WriteVerified(const uint8_t* data, size_t size_bytes, const Digest& digest, const FilePlace& to, bool* good) {
  *good = DigestOf(data, size_bytes) == digest;
  return *good ? WriteSparse(data, size_bytes, to) : Status();
}

Status CopyVerified(const FileRange& from, const Digest& digest, const FilePlace& to, CopyResult* result) {
  uint8_t* const buffer = BufferOf(static_cast<size_t>(from.size_bytes));
  Digest actual;
  bool whole = false;
  Status status = ReadHashed(from, buffer, &actual, &whole);
  if (!status.ok()) return status;
  *result = !whole ? CopyResult::kShort : actual == digest ? CopyResult::kCopied : CopyResult::kMismatch;
  return *result == CopyResult::kCopied ? WriteSparse(buffer, static_cast<size_t>(from.size_bytes), to) : Status();
}

}  // namespace holdfast
