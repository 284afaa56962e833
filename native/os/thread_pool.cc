// Invariants: running_ counts tasks between their removal from the queue and their return. After stopping_ is set nothing
// enters the queue. A task is destroyed before it counts as done, so that Drain also waits for what its closure owned. A pool
// stands in PoolsOfProcess() until its threads have ended.
//
// exit() shuts every pool down: Node leaves by it after process.exit() and after an uncaught exception, without any clean-up
// of the addon, and OpenSSL's own exit handler would then take sha256 away from under threads that hash.
#include "os/thread_pool.h"

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <thread>
#include <unordered_set>
#include <vector>

#include "os/mutex.h"

namespace holdfast {

namespace {

struct ProcessPools {
  Mutex mutex;
  std::unordered_set<ThreadPool*> pools GUARDED_BY(mutex);
};

ProcessPools& PoolsOfProcess() {
  // Never freed: threads may end after static objects have.
  static auto* pools = new ProcessPools();
  return *pools;
}

void ShutDownAllPools() {
  MutexLock lock(&PoolsOfProcess().mutex);
  for (ThreadPool* pool : PoolsOfProcess().pools) pool->Shutdown();
}

class ThreadPoolImpl final : public ThreadPool {
 public:
  explicit ThreadPoolImpl(int thread_count) {
    // Registered after OpenSSL registered its own, so run before that.
    static const int registered = std::atexit(ShutDownAllPools);
    (void)registered;
    {
      MutexLock lock(&PoolsOfProcess().mutex);
      PoolsOfProcess().pools.insert(this);
    }
    for (int i = 0; i < thread_count; i++) {
      threads_.emplace_back([this] { Run(); });
      pthread_setname_np(threads_.back().native_handle(), "holdfast-pool");
    }
  }

  ~ThreadPoolImpl() override {
    {
      MutexLock lock(&PoolsOfProcess().mutex);
      PoolsOfProcess().pools.erase(this);
    }
    Shutdown();
  }

  bool Submit(std::function<void()> task) override {
    MutexLock lock(&mutex_);
    if (stopping_) return false;
    queue_.push_back(std::move(task));
    work_.NotifyOne();
    return true;
  }

  void Drain() override {
    MutexLock lock(&mutex_);
    while (!queue_.empty() || running_ > 0) idle_.Wait(&mutex_);
  }

  void Shutdown() override {
    MutexLock ending(&ending_);
    std::deque<std::function<void()>> dropped;
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      dropped.swap(queue_);
      work_.NotifyAll();
      if (running_ == 0) idle_.NotifyAll();
    }
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  bool stopping() const override { return stopping_; }
  int thread_count() const override { return static_cast<int>(threads_.size()); }

 private:
  void Run() {
    for (;;) {
      std::function<void()> task;
      {
        MutexLock lock(&mutex_);
        while (queue_.empty() && !stopping_) work_.Wait(&mutex_);
        if (queue_.empty()) return;
        task = std::move(queue_.front());
        queue_.pop_front();
        running_++;
      }
      task();
      task = nullptr;
      MutexLock lock(&mutex_);
      running_--;
      if (running_ == 0 && queue_.empty()) idle_.NotifyAll();
    }
  }

  // One thread at a time joins the others.
  Mutex ending_;
  Mutex mutex_;
  CondVar work_;
  CondVar idle_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  int running_ GUARDED_BY(mutex_) = 0;
  // Written under mutex_, read without it by long tasks.
  std::atomic<bool> stopping_ = false;
  // Last: the threads use all of the above.
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<ThreadPool> ThreadPool::Create(int thread_count) { return std::make_unique<ThreadPoolImpl>(thread_count); }

}  // namespace holdfast
