// A client's view of a blob that still arrives (ready_layout.h): asks and waits for ranges.
#ifndef HOLDFAST_SRC_READY_VIEW_H_
#define HOLDFAST_SRC_READY_VIEW_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "os/status.h"
#include "memory/ready_layout.h"

namespace holdfast {

class ReadyView {
 public:
  using Clock = std::chrono::steady_clock;
  using Deadline = std::optional<Clock::time_point>;

  // Maps the page behind `fd`, and checks all of it; the descriptor is not kept. STORE_PROTOCOL, also when the blob is smaller or larger.
  static Status Map(int fd, uint64_t size_bytes_min, uint64_t size_bytes_max, std::unique_ptr<ReadyView>* view);
  ~ReadyView();
  ReadyView(const ReadyView&) = delete;
  ReadyView& operator=(const ReadyView&) = delete;

  // Of the blob.
  uint64_t size_bytes() const { return ends_.back(); }
  bool complete() const;
  bool IsReady(uint64_t offset_bytes, uint64_t size_bytes) const;
  uint64_t ready_bytes() const;
  // Until the range is ready. Ends with the failure of the fill, with DEADLINE_EXCEEDED, or with STORE_UNREACHABLE when `ended` says
  // that the store has gone.
  Status Wait(uint64_t offset_bytes, uint64_t size_bytes, Deadline deadline, const std::function<bool()>& ended) const;

 private:
  ReadyView(const uint8_t* map, size_t map_bytes) : map_(map), map_bytes_(map_bytes) {}

  const ReadyHeader& header() const { return *reinterpret_cast<const ReadyHeader*>(map_); }
  Status Check(uint64_t size_bytes_min, uint64_t size_bytes_max);
  bool ChunkReady(size_t index) const;
  Status Failure() const;

  const uint8_t* const map_;
  const size_t map_bytes_;
  // Copied, so that what was checked is what is used.
  std::vector<uint64_t> ends_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_READY_VIEW_H_
