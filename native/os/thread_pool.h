// Native threads for hashing, copying and disk work. Separate from libuv's pool, which has four threads that the daemon's
// file system and name look-ups share: a promotion of gigabytes there would stop them all.
#ifndef HOLDFAST_THREAD_POOL_H_
#define HOLDFAST_THREAD_POOL_H_

#include <functional>
#include <memory>

namespace holdfast {

class ThreadPool {
 public:
  static std::unique_ptr<ThreadPool> Create(int thread_count);
  virtual ~ThreadPool() = default;

  // Runs `task` on one of the threads, in order of submission. False, and the task is dropped, after Shutdown.
  virtual bool Submit(std::function<void()> task) = 0;
  // Waits until nothing is queued or running; tasks may submit further ones meanwhile.
  virtual void Drain() = 0;
  // Drops what is queued, waits for what runs, ends the threads. Idempotent.
  virtual void Shutdown() = 0;
  // Long tasks look at this between steps and give up.
  virtual bool stopping() const = 0;
  virtual int thread_count() const = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_THREAD_POOL_H_
