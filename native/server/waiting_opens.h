// Opens that wait for the daemon. The thread that takes an entry out owns its answer; so an answer, a refusal and the end of the client cannot
// act on one request twice. From any thread.
#ifndef HOLDFAST_SRC_WAITING_OPENS_H_
#define HOLDFAST_SRC_WAITING_OPENS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/client.h"
#include "os/mutex.h"

namespace holdfast {

struct WaitingOpen {
  uint64_t connection = 0;
  // The client's number.
  uint32_t request = 0;
  pid_t pid = 0;
  std::string tenant;
  bool arriving = false;
  std::vector<HeldSegment> held;
};

class WaitingOpens {
 public:
  // Returns our number. Descriptors beyond what all clients together may leave here are closed: such an open brings nothing.
  uint32_t Add(WaitingOpen open);
  // False when nobody waits under this number. Leaves the entry where it is when `accept` says no.
  bool TakeIf(uint32_t id, const std::function<bool(const WaitingOpen&)>& accept, WaitingOpen* open);
  void Forget(uint32_t id);
  std::vector<HeldSegment> TakeHeld(uint32_t id);

 private:
  // Of a default limit of 1,024 open files; descriptors wait here only until the daemon has looked at them.
  static constexpr size_t kHeldMax = 512;

  Mutex mutex_;
  uint32_t last_id_ GUARDED_BY(mutex_) = 0;
  size_t held_count_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint32_t, WaitingOpen> opens_ GUARDED_BY(mutex_);
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_WAITING_OPENS_H_
