// What a byte of a transfer costs at least, piece by piece, as seconds of processor time per byte. All cores run the same piece at
// once, since a transfer that is at its limit keeps them all busy.
#ifndef HOLDFAST_BENCH_LIMIT_H_
#define HOLDFAST_BENCH_LIMIT_H_

#include <time.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

// A record of TLS.
constexpr size_t kRecordBytes = 16384;
// The bytes of one call to a socket or a hash: they fit the cache of a core.
constexpr size_t kBlockBytes = 256 * 1024;

inline void Require(bool is_good, const char* what) {
  if (is_good) return;
  perror(what);
  abort();
}

inline double ThreadSeconds() {
  timespec now;
  Require(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "clock_gettime");
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Runs `piece(i)` on threads 0 to count - 1 at once; each returns the processor time of its work. Returns the sum.
inline double OnThreads(size_t count, const std::function<double(size_t)>& piece) {
  std::vector<double> seconds(count);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i) threads.emplace_back([&, i] { seconds[i] = piece(i); });
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    threads[i].join();
    sum += seconds[i];
  }
  return sum;
}

struct SealAndOpen {
  double seal;
  double open;
};

// limit_crypto.cc, with the OpenSSL of the process. `key_bytes` is 16 or 32.
SealAndOpen AesGcmSecondsPerByte(size_t key_bytes, size_t size_bytes, size_t cores);
double Sha256SecondsPerByte(size_t size_bytes, size_t cores);

// limit_kernel.cc
double TcpSecondsPerByte(size_t size_bytes, size_t cores);
double FirstTouchSecondsPerByte(size_t size_bytes, size_t cores);

#endif  // HOLDFAST_BENCH_LIMIT_H_
