// The hard limit of bytes in segments. What is taken is held by an object that gives it back.
#ifndef HOLDFAST_MEMORY_BUDGET_H_
#define HOLDFAST_MEMORY_BUDGET_H_

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "os/status.h"

namespace holdfast {

class MemoryBudget;

// What a segment stands on: the usual pages, large ones that an operator has reserved, or large ones that the kernel is asked for.
enum class Pages { kUsual, kReserved, kAsked };

// Bytes taken from a budget, until destroyed. Move-only. Keeps its budget alive.
class MemoryReservation {
 public:
  MemoryReservation() = default;
  ~MemoryReservation() { Release(); }
  MemoryReservation(MemoryReservation&& other) noexcept
      : budget_(std::move(other.budget_)), id_(other.id_), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryReservation& operator=(MemoryReservation&& other) noexcept;
  MemoryReservation(const MemoryReservation&) = delete;
  MemoryReservation& operator=(const MemoryReservation&) = delete;

  uint64_t bytes() const { return bytes_; }
  // Large pages may be tried for this memory.
  bool may_be_large() const;
  // Takes `bytes` instead, for pages of that kind. False when the budget has no room for more, and nothing changes.
  bool Change(uint64_t bytes, Pages pages);
  void Release();

 private:
  friend class MemoryBudget;
  MemoryReservation(std::shared_ptr<MemoryBudget> budget, uint64_t id, uint64_t bytes)
      : budget_(std::move(budget)), id_(id), bytes_(bytes) {}

  std::shared_ptr<MemoryBudget> budget_;
  uint64_t id_ = 0;
  uint64_t bytes_ = 0;
};

static_assert(!std::is_copy_constructible_v<MemoryReservation>);
static_assert(std::is_nothrow_move_constructible_v<MemoryReservation>);

struct PageUse {
  uint64_t segments = 0;
  uint64_t bytes = 0;
};

class MemoryBudget : public std::enable_shared_from_this<MemoryBudget> {
 public:
  static std::shared_ptr<MemoryBudget> Create(uint64_t limit_bytes, bool large_pages = false);
  virtual ~MemoryBudget() = default;

  // Takes `size_bytes` rounded up to whole pages. TOO_LARGE when it can never fit, MEMORY_FULL when it does not fit now;
  // both carry neededBytes and freeBytes.
  virtual Status Reserve(uint64_t size_bytes, MemoryReservation* reservation) = 0;
  virtual uint64_t used_bytes() const = 0;
  virtual uint64_t limit_bytes() const = 0;
  virtual bool large_pages() const = 0;
  virtual PageUse use_of(Pages pages) const = 0;
  // Adds up the reservations that exist and compares with the running counter and the limit.
  virtual Status CheckInvariants() const = 0;

  // What `size_bytes` of a segment cost.
  static uint64_t PageRounded(uint64_t size_bytes);

 protected:
  friend class MemoryReservation;
  virtual void GiveBack(uint64_t id) = 0;
  virtual bool Change(uint64_t id, uint64_t bytes, Pages pages) = 0;
  static MemoryReservation MakeReservation(std::shared_ptr<MemoryBudget> budget, uint64_t id, uint64_t bytes) {
    return MemoryReservation(std::move(budget), id, bytes);
  }
};

}  // namespace holdfast

#endif  // HOLDFAST_MEMORY_BUDGET_H_
