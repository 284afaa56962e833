// Invariants: a lease is held by LeaseHolder, and that by the handle object and by every ArrayBuffer over its memory: while a
// view can be reached, the memory is mapped. Only CloseModel unmaps earlier, after it has detached every buffer.
#include "client_wrap.h"

#include <utility>

#include "addon_state.h"
#include "convert.h"

namespace holdfast::addon {

namespace {

struct LeaseHolder {
  std::unique_ptr<OpenedModel> model;
};

using SharedHolder = std::shared_ptr<LeaseHolder>;

struct ClientParts {
  std::shared_ptr<Dispatcher> dispatcher;
  std::shared_ptr<Client> client;
};

Napi::Value BufferOf(Napi::Env env, const MappedBlob& blob, const SharedHolder& holder) {
  if (blob.size_bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  // V8 counts these bytes as external memory of the process, and looks for garbage after each 64 MiB that are added. Taking
  // them off again was tried: the swing itself starts more collections (665 instead of 483 in 3,000 opens of 100 MB).
  auto* kept = new SharedHolder(holder);
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, const_cast<uint8_t*>(blob.data), blob.size_bytes,
      [](napi_env, void*, void* hint) { delete static_cast<SharedHolder*>(hint); }, kept, &buffer);
  if (status != napi_ok) {
    delete kept;
    throw ErrorOf(env, Status::Error(code::kTooLarge, "This version of Node cannot hold " + std::to_string(blob.size_bytes) +
                                                          " bytes in one ArrayBuffer; use Node 22 or later"));
  }
  return Napi::Value(env, buffer);
}

Napi::Value ModelOf(Napi::Env env, const SharedHolder& holder) {
  const OpenedModel& model = *holder->model;
  Napi::Array buffers = Napi::Array::New(env, model.blob_count());
  for (uint32_t i = 0; i < model.blob_count(); i++) {
    const Napi::HandleScope scope(env);
    buffers.Set(i, BufferOf(env, model.blob(i), holder));
  }
  Napi::Array files = Napi::Array::New(env, model.files().size());
  for (uint32_t i = 0; i < model.files().size(); i++) {
    const Napi::HandleScope scope(env);
    const OpenedFile& file = model.files()[i];
    Napi::Object object = Napi::Object::New(env);
    object.Set("path", file.path);
    object.Set("sha256", file.sha256.ToHex());
    object.Set("sizeBytes", NumberOf(env, file.size_bytes));
    object.Set("blob", NumberOf(env, file.blob));
    files.Set(i, object);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("digest", model.digest());
  result.Set("files", files);
  result.Set("buffers", buffers);
  result.Set("handle", Napi::External<SharedHolder>::New(env, new SharedHolder(holder),
                                                         [](Napi::Env, SharedHolder* data) { delete data; }));
  return result;
}

class ConnectWorker final : public Napi::AsyncWorker {
 public:
  ConnectWorker(Napi::Env env, std::shared_ptr<Dispatcher> dispatcher, std::string path, int timeout_ms)
      : Napi::AsyncWorker(env, "holdfast:connect"),
        deferred(Napi::Promise::Deferred::New(env)),
        dispatcher_(std::move(dispatcher)),
        path_(std::move(path)),
        timeout_ms_(timeout_ms) {}

  void Execute() override { status_ = Client::Connect(path_, timeout_ms_, &client_); }

  void OnOK() override {
    if (status_.ok()) return deferred.Resolve(ClientWrap::New(Env(), dispatcher_, client_));
    dispatcher_->Close(/*environment_ends=*/false);
    deferred.Reject(ErrorOf(Env(), status_).Value());
  }

  const Napi::Promise::Deferred deferred;

 private:
  const std::shared_ptr<Dispatcher> dispatcher_;
  const std::string path_;
  const int timeout_ms_;
  Status status_;
  std::shared_ptr<Client> client_;
};

}  // namespace

Napi::Value Connect(const Napi::CallbackInfo& info) {
  const std::string path = StringFrom(info[0]);
  const int timeout_ms = static_cast<int>(std::min<uint64_t>(SizeFrom(info[1]), INT32_MAX));
  auto* worker = new ConnectWorker(info.Env(), Dispatcher::Create(info.Env(), "holdfast:client"), path, timeout_ms);
  const Napi::Promise promise = worker->deferred.Promise();
  worker->Queue();
  return promise;
}

void CloseModel(const Napi::CallbackInfo& info) {
  const SharedHolder& holder = *info[0].As<Napi::External<SharedHolder>>().Data();
  const Napi::Array buffers = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i < buffers.Length(); i++) {
    Napi::ArrayBuffer buffer = buffers.Get(i).As<Napi::ArrayBuffer>();
    if (!buffer.IsDetached()) buffer.Detach();
  }
  holder->model.reset();
}

Napi::Function ClientWrap::Define(Napi::Env env) {
  return DefineClass(env, "Client",
                     {InstanceMethod<&ClientWrap::Open>("open"), InstanceMethod<&ClientWrap::IsConnected>("isConnected"),
                      InstanceMethod<&ClientWrap::Close>("close")});
}

Napi::Object ClientWrap::New(Napi::Env env, std::shared_ptr<Dispatcher> dispatcher, std::shared_ptr<Client> client) {
  ClientParts parts{std::move(dispatcher), std::move(client)};
  return env.GetInstanceData<AddonState>()->client.New({Napi::External<ClientParts>::New(env, &parts)});
}

ClientWrap::ClientWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ClientWrap>(info), env_(info.Env()) {
  auto* parts = info[0].As<Napi::External<ClientParts>>().Data();
  dispatcher_ = std::move(parts->dispatcher);
  client_ = std::move(parts->client);
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
  wrap->client_->Close();
  wrap->dispatcher_->Close(/*environment_ends=*/true);
}

Napi::Value ClientWrap::Open(const Napi::CallbackInfo& info) {
  OpenRequest request;
  request.name = StringFrom(info[0]);
  request.tenant = StringFrom(info[1]);
  request.deadline_ms = DeadlineFrom(info[2]);
  if (dispatcher_->closed()) {
    return Rejected(info.Env(), Status::Error(code::kStoreUnreachable, "The client is closed; connect again"));
  }
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(info.Env(), dispatcher_);
  const Napi::Promise promise = pending->promise();
  client_->Open(std::move(request), [pending](Status status, std::unique_ptr<OpenedModel> model) {
    auto holder = std::make_shared<LeaseHolder>();
    holder->model = std::move(model);
    pending->Settle({std::move(status), [holder](Napi::Env env) { return ModelOf(env, holder); }});
  });
  return promise;
}

Napi::Value ClientWrap::IsConnected(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), client_->connected());
}

void ClientWrap::Close(const Napi::CallbackInfo&) {
  if (!open_) return;
  open_ = false;
  // Settles what waits, and joins the thread, which never blocks for long: everything it told us stands in the queue then.
  client_->Close();
  napi_remove_env_cleanup_hook(env_, StopClient, this);
  dispatcher_->Close(/*environment_ends=*/false);
  Unref();
}

}  // namespace holdfast::addon
