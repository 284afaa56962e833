// Invariant: function_ is null or usable: it is released under the lock that every call takes.
#include "dispatcher.h"

#include <utility>

#include "convert.h"

namespace holdfast::addon {

namespace {

void CallOnJsThread(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Dispatcher::Action> action(static_cast<Dispatcher::Action*>(data));
  // Null while the environment ends: nobody is left to hear of it.
  if (env == nullptr) return;
  try {
    (*action)(Napi::Env(env));
  } catch (const Napi::Error& error) {
    // Thrown by a callback of the user: becomes an uncaught exception, as anything thrown in an event handler does.
    error.ThrowAsJavaScriptException();
  }
}

}  // namespace

std::shared_ptr<Dispatcher> Dispatcher::Create(Napi::Env env, const char* name) {
  auto dispatcher = std::make_shared<Dispatcher>();
  napi_threadsafe_function function = nullptr;
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, name), 0, 1, nullptr, nullptr, nullptr,
                                      CallOnJsThread, &function);
  if (status != napi_ok) throw Napi::Error::New(env, "cannot create a thread-safe function");
  napi_unref_threadsafe_function(env, function);
  MutexLock lock(&dispatcher->mutex_);
  dispatcher->function_ = function;
  return dispatcher;
}

void Dispatcher::Post(Action action) {
  auto data = std::make_unique<Action>(std::move(action));
  MutexLock lock(&mutex_);
  if (function_ == nullptr) return;
  if (napi_call_threadsafe_function(function_, data.get(), napi_tsfn_nonblocking) == napi_ok) data.release();
}

void Dispatcher::Close(bool environment_ends) {
  MutexLock lock(&mutex_);
  if (function_ != nullptr && !environment_ends) napi_release_threadsafe_function(function_, napi_tsfn_release);
  function_ = nullptr;
}

bool Dispatcher::closed() {
  MutexLock lock(&mutex_);
  return function_ == nullptr;
}

void Dispatcher::Begin(Napi::Env env) {
  MutexLock lock(&mutex_);
  if (pending_++ == 0 && function_ != nullptr) napi_ref_threadsafe_function(env, function_);
}

void Dispatcher::End(Napi::Env env) {
  MutexLock lock(&mutex_);
  if (--pending_ == 0 && function_ != nullptr) napi_unref_threadsafe_function(env, function_);
}

struct PendingPromise::State {
  State(Napi::Env env, std::shared_ptr<Dispatcher> used)
      : dispatcher(std::move(used)), deferred(Napi::Promise::Deferred::New(env)) {}
  const std::shared_ptr<Dispatcher> dispatcher;
  const Napi::Promise::Deferred deferred;
  std::vector<Napi::ObjectReference> kept;
};

std::shared_ptr<PendingPromise> PendingPromise::Create(Napi::Env env, std::shared_ptr<Dispatcher> dispatcher,
                                                       const std::vector<Napi::Object>& kept) {
  auto* state = new State(env, std::move(dispatcher));
  for (const Napi::Object& object : kept) state->kept.push_back(Napi::Persistent(object));
  state->dispatcher->Begin(env);
  return std::shared_ptr<PendingPromise>(new PendingPromise(state));
}

Napi::Promise PendingPromise::promise() const { return state_->deferred.Promise(); }

void PendingPromise::Settle(Outcome outcome) {
  const std::shared_ptr<Dispatcher> dispatcher = state_->dispatcher;
  dispatcher->Post([state = state_, outcome = std::move(outcome)](Napi::Env env) { Resolve(env, state, outcome); });
}

void PendingPromise::SettleHere(Napi::Env env, Outcome outcome) { Resolve(env, state_, outcome); }

void PendingPromise::Resolve(Napi::Env env, State* state, const Outcome& outcome) {
  const std::unique_ptr<State> owned(state);
  owned->dispatcher->End(env);
  if (!outcome.status.ok()) {
    owned->deferred.Reject(ErrorOf(env, outcome.status).Value());
  } else {
    owned->deferred.Resolve(outcome.value ? outcome.value(env) : env.Undefined());
  }
}

Napi::Promise Rejected(Napi::Env env, const Status& status) {
  const Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(ErrorOf(env, status).Value());
  return deferred.Promise();
}

Napi::Promise RunOnPool(Napi::Env env, const std::shared_ptr<Dispatcher>& dispatcher, ThreadPool* pool,
                        std::function<Outcome()> work, const std::vector<Napi::Object>& kept) {
  if (dispatcher->closed()) return Rejected(env, Status::Error(code::kShuttingDown, "The store is closed."));
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(env, dispatcher, kept);
  const Napi::Promise promise = pending->promise();
  if (!pool->Submit([pending, work = std::move(work)] { pending->Settle(work()); })) {
    pending->Settle({Status::Error(code::kShuttingDown, "The store is closing."), nullptr});
  }
  return promise;
}

}  // namespace holdfast::addon
