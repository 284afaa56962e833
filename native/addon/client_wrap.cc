#include "client_wrap.h"

#include <optional>
#include <thread>
#include <utility>

#include "addon_state.h"
#include "convert.h"
#include "lease.h"

namespace holdfast::addon {

namespace {

struct ClientParts {
  std::shared_ptr<Dispatcher> dispatcher;
  std::shared_ptr<Session> session;
};

// What an open ended with, while the call that began it may still run.
struct Opening {
  bool inside = true;
  std::optional<std::pair<Status, std::unique_ptr<OpenedModel>>> answer;
};

class ConnectWorker final : public Napi::AsyncWorker {
 public:
  ConnectWorker(Napi::Env env, std::shared_ptr<Dispatcher> dispatcher, SessionOptions options)
      : Napi::AsyncWorker(env, "holdfast:connect"),
        deferred(Napi::Promise::Deferred::New(env)),
        dispatcher_(std::move(dispatcher)),
        options_(std::move(options)) {}

  void Execute() override { status_ = Session::Connect(options_, &session_); }

  void OnOK() override {
    if (status_.ok()) return deferred.Resolve(ClientWrap::New(Env(), dispatcher_, session_));
    dispatcher_->Close(/*environment_ends=*/false);
    deferred.Reject(ErrorOf(Env(), status_).Value());
  }

  const Napi::Promise::Deferred deferred;

 private:
  const std::shared_ptr<Dispatcher> dispatcher_;
  const SessionOptions options_;
  Status status_;
  std::shared_ptr<Session> session_;
};

class ReconnectWorker final : public Napi::AsyncWorker {
 public:
  ReconnectWorker(Napi::Env env, std::shared_ptr<Session> session)
      : Napi::AsyncWorker(env, "holdfast:reconnect"), deferred(Napi::Promise::Deferred::New(env)), session_(std::move(session)) {}

  void Execute() override { status_ = session_->EnsureConnected(); }

  void OnOK() override {
    if (status_.ok()) return deferred.Resolve(Env().Undefined());
    deferred.Reject(ErrorOf(Env(), status_).Value());
  }

  const Napi::Promise::Deferred deferred;

 private:
  const std::shared_ptr<Session> session_;
  Status status_;
};

}  // namespace

Napi::Value Connect(const Napi::CallbackInfo& info) {
  SessionOptions options;
  options.socket_path = StringFrom(info[0]);
  options.token = StringFrom(info[1]);
  options.timeout_ms = static_cast<int>(std::min<uint64_t>(SizeFrom(info[2]), INT32_MAX));
  auto* worker = new ConnectWorker(info.Env(), Dispatcher::Create(info.Env(), "holdfast:client"), std::move(options));
  const Napi::Promise promise = worker->deferred.Promise();
  worker->Queue();
  return promise;
}

Napi::Function ClientWrap::Define(Napi::Env env) {
  return DefineClass(env, "Client",
                     {InstanceMethod<&ClientWrap::Open>("open"), InstanceMethod<&ClientWrap::List>("list"),
                      InstanceMethod<&ClientWrap::GetStatus>("status"), InstanceMethod<&ClientWrap::Reconnect>("reconnect"), InstanceMethod<&ClientWrap::IsConnected>("isConnected"),
                      InstanceMethod<&ClientWrap::Close>("close")});
}

Napi::Object ClientWrap::New(Napi::Env env, std::shared_ptr<Dispatcher> dispatcher, std::shared_ptr<Session> session) {
  ClientParts parts{std::move(dispatcher), std::move(session)};
  return env.GetInstanceData<AddonState>()->client.New({Napi::External<ClientParts>::New(env, &parts)});
}

ClientWrap::ClientWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ClientWrap>(info), env_(info.Env()) {
  auto* parts = info[0].As<Napi::External<ClientParts>>().Data();
  dispatcher_ = std::move(parts->dispatcher);
  session_ = std::move(parts->session);
  // Added after the thread-safe function, so that it runs before Node ends that one.
  napi_add_env_cleanup_hook(env_, StopClient, this);
  Ref();
}

ClientWrap::~ClientWrap() {
  if (open_) napi_remove_env_cleanup_hook(env_, StopClient, this);
}

void ClientWrap::StopClient(void* data) {
  auto* wrap = static_cast<ClientWrap*>(data);
  wrap->open_ = false;
  wrap->session_->Close();
  wrap->dispatcher_->Close(/*environment_ends=*/true);
}

Napi::Value ClientWrap::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  OpenRequest request;
  request.name = StringFrom(info[0]);
  request.tenant = StringFrom(info[1]);
  request.deadline_ms = DeadlineFrom(info[2]);
  request.arriving = info[3].ToBoolean();
  if (dispatcher_->closed()) {
    return Rejected(env, Status::Error(code::kStoreUnreachable, "The client is closed; connect again."));
  }
  // A hit is answered inside this call, on this thread: handing it through the event loop would cost more than the open itself.
  auto opening = std::make_shared<Opening>();
  const std::thread::id here = std::this_thread::get_id();
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(env, dispatcher_);
  const Napi::Promise promise = pending->promise();
  session_->Open(std::move(request), [=, dispatcher = dispatcher_](Status status, std::unique_ptr<OpenedModel> model) {
    if (std::this_thread::get_id() == here && opening->inside) {
      opening->answer.emplace(std::move(status), std::move(model));
      return;
    }
    const std::shared_ptr<Lease> lease = status.ok() ? std::make_shared<Lease>(dispatcher, std::move(model)) : nullptr;
    pending->Settle({std::move(status), [lease](Napi::Env later) { return ModelOf(later, lease); }});
  });
  opening->inside = false;
  if (!opening->answer) return promise;
  auto& [status, model] = *opening->answer;
  const std::shared_ptr<Lease> lease = status.ok() ? std::make_shared<Lease>(dispatcher_, std::move(model)) : nullptr;
  pending->SettleHere(env, {std::move(status), [lease](Napi::Env later) { return ModelOf(later, lease); }});
  return promise;
}

Napi::Value ClientWrap::List(const Napi::CallbackInfo& info) {
  const std::string after = StringFrom(info[0]);
  const uint64_t deadline_ms = DeadlineFrom(info[1]);
  if (dispatcher_->closed()) {
    return Rejected(info.Env(), Status::Error(code::kStoreUnreachable, "The client is closed; connect again."));
  }
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(info.Env(), dispatcher_);
  const Napi::Promise promise = pending->promise();
  session_->List(after, deadline_ms, [pending](Status status, std::vector<std::string> names, std::string next) {
    pending->Settle({std::move(status), [names = std::move(names), next = std::move(next)](Napi::Env env) -> Napi::Value {
                       Napi::Array array = Napi::Array::New(env, names.size());
                       for (uint32_t i = 0; i < names.size(); i++) array.Set(i, names[i]);
                       Napi::Object object = Napi::Object::New(env);
                       object.Set("names", array);
                       object.Set("next", next);
                       return object;
                     }});
  });
  return promise;
}

Napi::Value ClientWrap::GetStatus(const Napi::CallbackInfo& info) {
  const uint64_t deadline_ms = DeadlineFrom(info[0]);
  if (dispatcher_->closed()) {
    return Rejected(info.Env(), Status::Error(code::kStoreUnreachable, "The client is closed; connect again."));
  }
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(info.Env(), dispatcher_);
  const Napi::Promise promise = pending->promise();
  session_->GetStatus(deadline_ms, [pending](Status status, const StoreCounters& counters) {
    pending->Settle({std::move(status), [counters](Napi::Env env) -> Napi::Value { return CountersOf(env, counters); }});
  });
  return promise;
}

Napi::Value ClientWrap::Reconnect(const Napi::CallbackInfo& info) {
  auto* worker = new ReconnectWorker(info.Env(), session_);
  const Napi::Promise promise = worker->deferred.Promise();
  worker->Queue();
  return promise;
}

Napi::Value ClientWrap::IsConnected(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), session_->connected());
}

void ClientWrap::Close(const Napi::CallbackInfo&) {
  if (!open_) return;
  open_ = false;
  // Settles what waits, and joins the thread, which never blocks for long: everything it told us stands in the queue then.
  session_->Close();
  napi_remove_env_cleanup_hook(env_, StopClient, this);
  dispatcher_->Close(/*environment_ends=*/false);
  Unref();
}

}  // namespace holdfast::addon
