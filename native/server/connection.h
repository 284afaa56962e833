// One client of the server: its socket, what waits to be sent, what it holds. Used by the server's thread alone.
#ifndef HOLDFAST_SRC_CONNECTION_H_
#define HOLDFAST_SRC_CONNECTION_H_

#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "server/access_policy.h"
#include "wire/protocol.h"
#include "memory/catalog.h"
#include "os/unique_fd.h"

namespace holdfast {

class Connection {
 public:
  enum class ReadResult { kFrame, kAgain, kClosed, kOversized };
  // kStalled: the kernel holds too many descriptors in flight; nothing will announce that it goes on.
  enum class FlushResult { kDone, kBlocked, kStalled, kClosed };

  Connection(UniqueFd fd, uint64_t id, const ucred& peer) : id_(id), peer_(peer), fd_(std::move(fd)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  uint64_t id() const { return id_; }
  const ucred& peer() const { return peer_; }
  int fd() const { return fd_.get(); }

  // Descriptors that come along are the caller's; those beyond what one frame may carry are closed by the kernel.
  ReadResult Read(std::vector<uint8_t>* buffer, size_t* size_bytes, std::vector<UniqueFd>* fds);

  void Send(std::string bytes);
  // Sends a model in as many frames as it needs; they are made one by one, when the socket takes them.
  void SendGrant(uint32_t request, std::shared_ptr<const LeaseGrant> grant);
  FlushResult Flush();

  // A client that asks without reading the answers is not read from until it does.
  bool congested() const { return queue_.size() >= kQueueMax; }

  bool greeted = false;
  // What the greeting agreed on.
  uint16_t version = 1;
  // sha256 of the token that the client has shown.
  std::optional<Digest> token;
  // Null: nothing is allowed. Valid until the rules change.
  const AccessRule* rule = nullptr;
  // It has shown the node's own token: a worker of the node itself.
  bool is_own = false;
  uint32_t epoll_events = 0;
  std::unordered_set<uint64_t> leases;
  // The client's number of an open that waits for the daemon, and ours.
  std::unordered_map<uint32_t, uint32_t> waiting;

 private:
  // Answers that may wait for a client to read them, besides models, which the limit of leases bounds.
  static constexpr size_t kQueueMax = 64;

  struct Outgoing {
    std::string bytes;
    uint32_t request = 0;
    // Null for a plain frame.
    std::shared_ptr<const LeaseGrant> grant;
    uint32_t next_file = 0;
    uint32_t next_blob = 0;
  };

  Frame NextModelFrame(const Outgoing& item, uint32_t* next_file, uint32_t* next_blob) const;
  FlushResult SendFrame(const Frame& frame);

  const uint64_t id_;
  const ucred peer_;
  UniqueFd fd_;
  std::deque<Outgoing> queue_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_CONNECTION_H_
