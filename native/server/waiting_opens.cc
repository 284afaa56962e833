// Invariant: held_count_ is the number of descriptors in opens_.
#include "server/waiting_opens.h"

#include <utility>

namespace holdfast {

uint32_t WaitingOpens::Add(WaitingOpen open) {
  MutexLock lock(&mutex_);
  if (held_count_ + open.held.size() > kHeldMax) open.held.clear();
  held_count_ += open.held.size();
  do {
    last_id_++;
  } while (opens_.contains(last_id_));
  opens_.emplace(last_id_, std::move(open));
  return last_id_;
}

bool WaitingOpens::TakeIf(uint32_t id, const std::function<bool(const WaitingOpen&)>& accept, WaitingOpen* open) {
  MutexLock lock(&mutex_);
  const auto found = opens_.find(id);
  if (found == opens_.end() || !accept(found->second)) return false;
  held_count_ -= found->second.held.size();
  *open = std::move(found->second);
  opens_.erase(found);
  return true;
}

void WaitingOpens::Forget(uint32_t id) {
  WaitingOpen ignored;
  (void)TakeIf(id, [](const WaitingOpen&) { return true; }, &ignored);
}

std::vector<HeldSegment> WaitingOpens::TakeHeld(uint32_t id) {
  MutexLock lock(&mutex_);
  const auto found = opens_.find(id);
  if (found == opens_.end()) return {};
  held_count_ -= found->second.held.size();
  return std::exchange(found->second.held, {});
}

}  // namespace holdfast
