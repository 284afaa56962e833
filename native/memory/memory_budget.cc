// Invariants: used_bytes_ is the sum over live_ and never exceeds limit_bytes_. A reservation of zero bytes is an entry too,
// so that giving back needs no special case.
#include "memory/memory_budget.h"

#include <unistd.h>

#include <unordered_map>

#include "os/mutex.h"

namespace holdfast {

namespace {

class MemoryBudgetImpl final : public MemoryBudget {
 public:
  MemoryBudgetImpl(uint64_t limit_bytes, bool large_pages) : limit_bytes_(limit_bytes), large_pages_(large_pages) {}

  Status Reserve(uint64_t size_bytes, MemoryReservation* reservation) override {
    const uint64_t needed_bytes = PageRounded(size_bytes);
    MutexLock lock(&mutex_);
    const uint64_t free_bytes = limit_bytes_ - used_bytes_;
    if (needed_bytes < size_bytes || needed_bytes > limit_bytes_) {
      return Status::Error(code::kTooLarge, std::to_string(size_bytes) + " bytes can never fit into memory.limitBytes = " +
                                                std::to_string(limit_bytes_) + "; raise it.")
          .With("neededBytes", needed_bytes)
          .With("freeBytes", free_bytes);
    }
    if (needed_bytes > free_bytes) {
      return Status::Error(code::kMemoryFull, "memory.limitBytes leaves " + std::to_string(free_bytes) + " of the " +
                                                  std::to_string(needed_bytes) +
                                                  " bytes needed; drop other segments first.")
          .With("neededBytes", needed_bytes)
          .With("freeBytes", free_bytes);
    }
    used_bytes_ += needed_bytes;
    live_.emplace(++last_id_, Taken{needed_bytes, Pages::kUsual});
    *reservation = MakeReservation(shared_from_this(), last_id_, needed_bytes);
    return Status();
  }

  uint64_t used_bytes() const override {
    MutexLock lock(&mutex_);
    return used_bytes_;
  }

  uint64_t limit_bytes() const override { return limit_bytes_; }
  bool large_pages() const override { return large_pages_; }

  PageUse use_of(Pages pages) const override {
    MutexLock lock(&mutex_);
    PageUse use;
    for (const auto& [id, taken] : live_) {
      if (taken.pages != pages) continue;
      use.segments++;
      use.bytes += taken.bytes;
    }
    return use;
  }

  Status CheckInvariants() const override {
    MutexLock lock(&mutex_);
    uint64_t sum_bytes = 0;
    for (const auto& [id, taken] : live_) sum_bytes += taken.bytes;
    if (sum_bytes == used_bytes_ && used_bytes_ <= limit_bytes_) return Status();
    return Status::Error(code::kSystem, "Broken invariant: memory used " + std::to_string(used_bytes_) +
                                            ", sum of reservations " + std::to_string(sum_bytes) + ", limit " +
                                            std::to_string(limit_bytes_) + ".");
  }

 private:
  struct Taken {
    uint64_t bytes;
    Pages pages;
  };

  bool Change(uint64_t id, uint64_t bytes, Pages pages) override {
    MutexLock lock(&mutex_);
    Taken& taken = live_.at(id);
    if (bytes > taken.bytes && bytes - taken.bytes > limit_bytes_ - used_bytes_) return false;
    used_bytes_ = used_bytes_ - taken.bytes + bytes;
    taken = {bytes, pages};
    return true;
  }

  void GiveBack(uint64_t id) override {
    MutexLock lock(&mutex_);
    const auto found = live_.find(id);
    if (found == live_.end()) return;
    used_bytes_ -= found->second.bytes;
    live_.erase(found);
  }

  const uint64_t limit_bytes_;
  const bool large_pages_;
  mutable Mutex mutex_;
  uint64_t used_bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, Taken> live_ GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<MemoryBudget> MemoryBudget::Create(uint64_t limit_bytes, bool large_pages) {
  return std::make_shared<MemoryBudgetImpl>(limit_bytes, large_pages);
}

uint64_t MemoryBudget::PageRounded(uint64_t size_bytes) {
  static const uint64_t page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return (size_bytes + page_bytes - 1) / page_bytes * page_bytes;
}

MemoryReservation& MemoryReservation::operator=(MemoryReservation&& other) noexcept {
  if (this != &other) {
    Release();
    budget_ = std::move(other.budget_);
    id_ = other.id_;
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

bool MemoryReservation::may_be_large() const { return budget_ != nullptr && budget_->large_pages(); }

bool MemoryReservation::Change(uint64_t bytes, Pages pages) {
  if (budget_ == nullptr || !budget_->Change(id_, bytes, pages)) return false;
  bytes_ = bytes;
  return true;
}

void MemoryReservation::Release() {
  if (budget_ == nullptr) return;
  budget_->GiveBack(id_);
  budget_.reset();
  bytes_ = 0;
}

}  // namespace holdfast
