// The client's end of the socket: sends from any thread, without waiting.
#ifndef HOLDFAST_SRC_CLIENT_LINK_H_
#define HOLDFAST_SRC_CLIENT_LINK_H_

#include <deque>
#include <string>
#include <vector>

#include "os/mutex.h"
#include "os/unique_fd.h"

namespace holdfast {

class ClientLink {
 public:
  // `wake` is an eventfd that the receiving thread waits on.
  ClientLink(UniqueFd socket, UniqueFd wake) : socket_(std::move(socket)), wake_(std::move(wake)) {}

  int socket() const { return socket_.get(); }
  int wake() const { return wake_.get(); }

  // What the greeting agreed on. Set before anything but the greeting is sent.
  void set_version(uint16_t version) { version_ = version; }
  uint16_t version() const { return version_; }

  // Sends now, or leaves the frame to the receiving thread when the socket is full. Dropped once the link is down.
  void Send(std::string frame, std::vector<UniqueFd> fds = {});
  // True when frames still wait for the socket. Called by the receiving thread.
  bool Flush();
  void Wake();
  // Ends the connection; the descriptors live as long as the object.
  void ShutDown();
  bool down();

 private:
  struct Outgoing {
    std::string bytes;
    std::vector<UniqueFd> fds;
  };

  bool FlushLocked() REQUIRES(mutex_);

  const UniqueFd socket_;
  const UniqueFd wake_;
  Mutex mutex_;
  uint16_t version_ = 1;
  std::deque<Outgoing> outbox_ GUARDED_BY(mutex_);
  bool down_ GUARDED_BY(mutex_) = false;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_CLIENT_LINK_H_
