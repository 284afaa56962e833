// A thread that waits for sockets, tasks and times (epoll).
#ifndef HOLDFAST_TRANSFER_EVENT_LOOP_H_
#define HOLDFAST_TRANSFER_EVENT_LOOP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "os/status.h"

namespace holdfast {

class EventLoop {
 public:
  using Task = std::function<void()>;

  class Watcher {
   public:
    virtual ~Watcher() = default;
    // EPOLLIN, EPOLLOUT and so on.
    virtual void OnReady(uint32_t events) = 0;
  };

  // `nice`: added to the niceness of the process; the thread gives way to what has less.
  static Status Start(const std::string& name, int nice, std::unique_ptr<EventLoop>* loop);
  // Ends the thread as Stop does.
  virtual ~EventLoop() = default;

  // From any thread. In order; dropped after Stop.
  virtual void Post(Task task) = 0;
  // Runs what is posted already, then ends the thread. Idempotent; not on the thread itself.
  virtual void Stop() = 0;

  // On the thread only.
  virtual Status Watch(int fd, uint32_t events, Watcher* watcher) = 0;
  virtual void Change(int fd, uint32_t events, Watcher* watcher) = 0;
  // Its watcher is not called any more, also not for what has been seen already.
  virtual void Unwatch(int fd, Watcher* watcher) = 0;
  // After all that is ready now has had its turn.
  virtual void Soon(Task task) = 0;
  virtual void After(std::chrono::nanoseconds delay, Task task) = 0;
  // Kept until the events of this turn are done.
  virtual void Retire(std::shared_ptr<void> object) = 0;

 protected:
  EventLoop() = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_TRANSFER_EVENT_LOOP_H_
