// A rate limit: bytes come into the bucket at the rate, and are taken out as they move.
#ifndef HOLDFAST_TRANSFER_TOKEN_BUCKET_H_
#define HOLDFAST_TRANSFER_TOKEN_BUCKET_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "os/mutex.h"

namespace holdfast {

// From any thread.
class TokenBucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // 0: no limit. A burst is what comes in a quarter of a second, and at least a record of TLS.
  explicit TokenBucket(uint64_t rate_bytes_per_s)
      : rate_bytes_per_s_(static_cast<double>(rate_bytes_per_s)), burst_bytes_(std::max(rate_bytes_per_s_ / 4, 16384.0)), tokens_bytes_(burst_bytes_) {}

  // What may move now, at most `wanted_bytes`; what of it moves in the end is said with Settle.
  uint64_t Take(uint64_t wanted_bytes) {
    if (rate_bytes_per_s_ == 0) return wanted_bytes;
    MutexLock lock(&mutex_);
    Refill(std::chrono::steady_clock::now());
    const uint64_t taken_bytes = std::min(wanted_bytes, static_cast<uint64_t>(std::max(tokens_bytes_, 0.0)));
    tokens_bytes_ -= static_cast<double>(taken_bytes);
    return taken_bytes;
  }

  // More than `taken_bytes` may have moved in the end: the difference is owed.
  void Settle(uint64_t taken_bytes, uint64_t moved_bytes) {
    if (rate_bytes_per_s_ == 0) return;
    MutexLock lock(&mutex_);
    tokens_bytes_ += static_cast<double>(taken_bytes) - static_cast<double>(moved_bytes);
  }

  // Until a useful number of bytes may move.
  std::chrono::nanoseconds WaitTime() const {
    if (rate_bytes_per_s_ == 0) return std::chrono::nanoseconds(0);
    MutexLock lock(&mutex_);
    const double missing_bytes = std::min(burst_bytes_, 65536.0) - tokens_bytes_;
    return std::chrono::nanoseconds(static_cast<int64_t>(std::max(missing_bytes, 0.0) / rate_bytes_per_s_ * 1e9));
  }

 private:
  void Refill(Time now) REQUIRES(mutex_) {
    if (last_ != Time()) tokens_bytes_ += rate_bytes_per_s_ * std::chrono::duration<double>(now - last_).count();
    tokens_bytes_ = std::min(tokens_bytes_, burst_bytes_);
    last_ = std::max(last_, now);
  }

  const double rate_bytes_per_s_;
  const double burst_bytes_;
  mutable Mutex mutex_;
  double tokens_bytes_ GUARDED_BY(mutex_);
  Time last_ GUARDED_BY(mutex_);
};

}  // namespace holdfast

#endif  // HOLDFAST_TRANSFER_TOKEN_BUCKET_H_
