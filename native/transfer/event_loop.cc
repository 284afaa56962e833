// Invariants: all but posted_, stopping_ and the event descriptor belong to the thread. A watcher that was unwatched in this turn is in
// unwatched_ until the turn ends, so that an event of the same turn does not reach it.
#include "transfer/event_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "os/mutex.h"
#include "os/unique_fd.h"

namespace holdfast {

namespace {

using Clock = std::chrono::steady_clock;

class EventLoopImpl final : public EventLoop {
 public:
  ~EventLoopImpl() override { Stop(); }

  Status Init(const std::string& name, int nice) {
    epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
    wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!epoll_.valid() || !wake_.valid()) return Status::Errno(code::kSystem, "Cannot make an event loop", errno);
    Status status = Watch(wake_.get(), EPOLLIN, nullptr);
    if (status.ok()) thread_ = std::thread([this, name, nice] { Run(name, nice); });
    return status;
  }

  void Post(Task task) override {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    posted_.push_back(std::move(task));
    if (posted_.size() == 1) Wake();
  }

  void Stop() override {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      Wake();
    }
    if (thread_.joinable()) thread_.join();
  }

  Status Watch(int fd, uint32_t events, Watcher* watcher) override {
    epoll_event event = {};
    event.events = events;
    event.data.ptr = watcher;
    unwatched_.erase(watcher);
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return Status();
    return Status::Errno(code::kSystem, "Cannot watch a socket", errno);
  }

  void Change(int fd, uint32_t events, Watcher* watcher) override {
    epoll_event event = {};
    event.events = events;
    event.data.ptr = watcher;
    (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
  }

  void Unwatch(int fd, Watcher* watcher) override {
    (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    unwatched_.insert(watcher);
  }

  void Soon(Task task) override { soon_.push_back(std::move(task)); }

  void After(std::chrono::nanoseconds delay, Task task) override { later_.emplace(Clock::now() + delay, std::move(task)); }

  void Retire(std::shared_ptr<void> object) override { retired_.push_back(std::move(object)); }

 private:
  void Wake() {
    const uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
  }

  void Run(const std::string& name, int nice) {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    // On Linux niceness is a thread's own.
    if (nice != 0) {
      const auto thread = static_cast<id_t>(syscall(SYS_gettid));
      (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + nice);
    }
    std::array<epoll_event, 64> events;
    while (RunPosted()) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), TimeoutMs());
      for (int i = 0; i < count; i++) {
        auto* watcher = static_cast<Watcher*>(events[i].data.ptr);
        if (watcher == nullptr) {
          uint64_t ignored;
          (void)!read(wake_.get(), &ignored, sizeof ignored);
        } else if (!unwatched_.contains(watcher)) {
          watcher->OnReady(events[i].events);
        }
      }
      RunLater();
      for (Task& task : std::exchange(soon_, {})) task();
      unwatched_.clear();
      retired_.clear();
    }
    soon_.clear();
    later_.clear();
    retired_.clear();
  }

  // False at the end.
  bool RunPosted() {
    std::vector<Task> tasks;
    bool goes_on;
    {
      MutexLock lock(&mutex_);
      tasks.swap(posted_);
      goes_on = !stopping_;
    }
    for (Task& task : tasks) task();
    return goes_on;
  }

  void RunLater() {
    const Clock::time_point now = Clock::now();
    while (!later_.empty() && later_.begin()->first <= now) {
      const Task task = std::move(later_.begin()->second);
      later_.erase(later_.begin());
      task();
    }
  }

  int TimeoutMs() const {
    if (!soon_.empty()) return 0;
    if (later_.empty()) return -1;
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(later_.begin()->first - Clock::now()).count() + 1;
    return static_cast<int>(std::clamp<int64_t>(wait, 0, 60'000));
  }

  UniqueFd epoll_;
  UniqueFd wake_;
  std::thread thread_;
  std::vector<Task> soon_;
  std::multimap<Clock::time_point, Task> later_;
  std::unordered_set<Watcher*> unwatched_;
  std::vector<std::shared_ptr<void>> retired_;

  Mutex mutex_;
  std::vector<Task> posted_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace

Status EventLoop::Start(const std::string& name, int nice, std::unique_ptr<EventLoop>* loop) {
  auto started = std::make_unique<EventLoopImpl>();
  Status status = started->Init(name, nice);
  if (status.ok()) *loop = std::move(started);
  return status;
}

}  // namespace holdfast
