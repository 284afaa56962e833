// Leases opened and ended that the daemon has not heard of yet. Telling it of each alone wakes its thread each time, which takes the
// processor from the client that waits for the next answer; so it hears of them together, after some milliseconds.
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "server/server.h"

namespace holdfast {

// Of one thread. Deliver these before any other event: they happened first.
class LeaseEvents {
 public:
  explicit LeaseEvents(StoreListener* listener) : listener_(listener) {}

  bool empty() const { return untold_.empty(); }

  void Add(bool opened, const LeaseInfo& info) {
    if (untold_.empty()) tell_at_ = Clock::now() + std::chrono::milliseconds(kUntoldMs);
    untold_.emplace_back(opened, info);
    if (untold_.size() >= kUntoldMax) Tell();
  }

  void Tell() {
    for (const auto& [opened, info] : untold_) listener_->OnLease(opened, info);
    untold_.clear();
  }

  void TellIfDue() {
    if (!untold_.empty() && Clock::now() >= tell_at_) Tell();
  }

  // How long the daemon may not know of a lease.
  static constexpr int kUntoldMs = 5;

 private:
  using Clock = std::chrono::steady_clock;

  static constexpr size_t kUntoldMax = 1024;

  StoreListener* const listener_;
  std::vector<std::pair<bool, LeaseInfo>> untold_;
  Clock::time_point tell_at_;
};

}  // namespace holdfast
