// Invariant: frames leave in the order of Send; one that waits is sent before any later one.
#include "client/client_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "os/socket_io.h"

namespace holdfast {

void ClientLink::Send(std::string frame, std::vector<UniqueFd> fds) {
  bool left_over;
  {
    MutexLock lock(&mutex_);
    if (down_) return;
    outbox_.push_back({std::move(frame), std::move(fds)});
    left_over = FlushLocked();
  }
  if (left_over) Wake();
}

bool ClientLink::Flush() {
  MutexLock lock(&mutex_);
  return FlushLocked();
}

bool ClientLink::FlushLocked() {
  while (!outbox_.empty()) {
    const Outgoing& next = outbox_.front();
    Frame frame{next.bytes, {}};
    for (const UniqueFd& fd : next.fds) frame.fds.push_back(fd.get());
    const int error = SendFrameTo(socket_.get(), frame);
    if (error == EAGAIN) return true;
    // A broken connection shows when it is read from; there what the store said last is found too.
    outbox_.pop_front();
  }
  return false;
}

void ClientLink::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is at its maximum: then the thread is being woken already.
  if (write(wake_.get(), &one, sizeof one) < 0) return;
}

void ClientLink::ShutDown() {
  MutexLock lock(&mutex_);
  down_ = true;
  outbox_.clear();
  shutdown(socket_.get(), SHUT_RDWR);
}

bool ClientLink::down() {
  MutexLock lock(&mutex_);
  return down_;
}

}  // namespace holdfast
