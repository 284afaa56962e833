// Brings results and events from native threads to the JavaScript thread.
#ifndef HOLDFAST_ADDON_DISPATCHER_H_
#define HOLDFAST_ADDON_DISPATCHER_H_

#include <napi.h>

#include <functional>
#include <memory>
#include <vector>

#include "os/mutex.h"
#include "os/status.h"
#include "os/thread_pool.h"

namespace holdfast::addon {

// What an operation ended with; `value` makes its JavaScript result (undefined without one).
struct Outcome {
  Status status;
  std::function<Napi::Value(Napi::Env)> value;
};

class Dispatcher {
 public:
  using Action = std::function<void(Napi::Env)>;

  static std::shared_ptr<Dispatcher> Create(Napi::Env env, const char* name);

  // From any thread: runs `action` on the JavaScript thread. Dropped after Close.
  void Post(Action action);
  // After the last Post; on the JavaScript thread. At the end of the environment Node frees the queue itself.
  void Close(bool environment_ends);

  // True after Close. On the JavaScript thread.
  bool closed();

  // Operations that are under way keep the process alive; an idle store or client does not.
  void Begin(Napi::Env env);
  void End(Napi::Env env);

 private:
  Mutex mutex_;
  napi_threadsafe_function function_ GUARDED_BY(mutex_) = nullptr;
  // Of the JavaScript thread.
  int pending_ = 0;
};

// A promise that a native thread settles. `kept` objects (buffers in use) are referenced until then, not copied.
class PendingPromise {
 public:
  static std::shared_ptr<PendingPromise> Create(Napi::Env env, std::shared_ptr<Dispatcher> dispatcher,
                                                const std::vector<Napi::Object>& kept = {});

  Napi::Promise promise() const;
  // From any thread, once.
  void Settle(Outcome outcome);
  // The same on the JavaScript thread, without a turn of its loop.
  void SettleHere(Napi::Env env, Outcome outcome);

 private:
  struct State;
  explicit PendingPromise(State* state) : state_(state) {}
  static void Resolve(Napi::Env env, State* state, const Outcome& outcome);
  // References may only be freed on the JavaScript thread: a plain pointer, deleted when settled there. A promise whose task
  // was dropped because the process exits is not deleted.
  State* const state_;
};

// A promise that is rejected already, for what is asked of a closed store or client: nothing could settle it later.
Napi::Promise Rejected(Napi::Env env, const Status& status);

// Runs `work` on the pool and settles the promise with its outcome.
Napi::Promise RunOnPool(Napi::Env env, const std::shared_ptr<Dispatcher>& dispatcher, ThreadPool* pool,
                        std::function<Outcome()> work, const std::vector<Napi::Object>& kept = {});

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_DISPATCHER_H_
