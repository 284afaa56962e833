// The shared page of a blob that still arrives: which chunks are there. Written by the store alone, mapped read-only by clients.
//
//   0    "HFREADY1"
//   8    state u32       kArriving, then kComplete or kFailed
//   12   sequence u32    futex word: changes with every chunk and with the state
//   16   size of the blob u64 | number of chunks u64
//   32   code char[32] | message char[448]      of a failure; end with a zero byte
//   512  end of each chunk u64, rising; the last is the size of the blob
//   then one bit per chunk, in words u32, lowest first: set when the chunk's bytes are there and right
#ifndef HOLDFAST_SRC_READY_LAYOUT_H_
#define HOLDFAST_SRC_READY_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace holdfast {

inline constexpr char kReadyMagic[] = "HFREADY1";

enum ReadyState : uint32_t { kArriving = 0, kComplete = 1, kFailed = 2 };

struct ReadyHeader {
  char magic[8];
  std::atomic<uint32_t> state;
  std::atomic<uint32_t> sequence;
  uint64_t size_bytes;
  uint64_t chunk_count;
  char code[32];
  char message[448];
};
static_assert(sizeof(ReadyHeader) == 512 && offsetof(ReadyHeader, sequence) == 12 && offsetof(ReadyHeader, code) == 32);
static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4);

inline size_t ReadyWords(uint64_t chunk_count) { return static_cast<size_t>((chunk_count + 31) / 32); }
inline size_t ReadyBytes(uint64_t chunk_count) {
  return sizeof(ReadyHeader) + static_cast<size_t>(chunk_count) * sizeof(uint64_t) + ReadyWords(chunk_count) * sizeof(uint32_t);
}

}  // namespace holdfast

#endif  // HOLDFAST_SRC_READY_LAYOUT_H_
