// How many connections a process and a user may have, so that no program takes the store from the others. Used by the server's thread alone.
#ifndef HOLDFAST_SRC_CONNECTION_SHARES_H_
#define HOLDFAST_SRC_CONNECTION_SHARES_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <unordered_map>

namespace holdfast {

// 0: no limit.
struct ConnectionShareLimits {
  uint32_t per_process_max = 0;
  uint32_t per_user_max = 0;
};

class ConnectionShares {
 public:
  explicit ConnectionShares(const ConnectionShareLimits& limits) : limits_(limits) {}

  void Add(const ucred& peer);
  void Remove(const ucred& peer);
  // Empty: it may have one more. Else why not.
  std::string Refusal(const ucred& peer) const;
  // Of its process. Processes that this one cannot see (of another container) count as one each.
  uint32_t OfProcess(const ucred& peer) const;

 private:
  const ConnectionShareLimits limits_;
  std::unordered_map<pid_t, uint32_t> by_process_;
  std::unordered_map<uid_t, uint32_t> by_user_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_CONNECTION_SHARES_H_
