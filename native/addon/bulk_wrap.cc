// Events are calls of one function: onEvent(kind, connection, ...):
//   'accepted', connection, remote
//   'secure', connection, exporter
//   'frame', connection, kind, id, payload
//   'sent', connection, request, isWhole
//   'broken', connection, code, message
//   'chunk', connection, request, code or null, message, bytes or null
//   'closed', connection, code or null, message
//
// Invariant: the engine exists until the environment ends or the object is collected; after Stop its calls do nothing.
#include "bulk_wrap.h"

#include <utility>
#include <vector>

#include "convert.h"
#include "transfer/chunk_sinks.h"
#include "transfer/chunk_source.h"

namespace holdfast::addon {

namespace {

// What a Status is to an event.
Napi::Value CodeOf(Napi::Env env, const Status& status) {
  return status.ok() ? env.Null() : Napi::Value(Napi::String::New(env, status.code()));
}

class Listener final : public BulkListener {
 public:
  Listener(std::shared_ptr<Dispatcher> dispatcher, BulkWrap* wrap) : dispatcher_(std::move(dispatcher)), wrap_(wrap) {}

  void OnAccepted(ConnectionId id, const std::string& remote) override {
    dispatcher_->Post([wrap = wrap_, id, remote](Napi::Env env) {
      wrap->Emit(env, {Napi::String::New(env, "accepted"), NumberOf(env, id), Napi::String::New(env, remote)});
    });
  }

  void OnSecure(ConnectionId id, const std::array<uint8_t, kExporterBytes>& exporter) override {
    dispatcher_->Post([wrap = wrap_, id, exporter](Napi::Env env) {
      wrap->Emit(env, {Napi::String::New(env, "secure"), NumberOf(env, id),
                       Napi::Buffer<uint8_t>::Copy(env, exporter.data(), exporter.size())});
    });
  }

  void OnFrame(ConnectionId id, const BulkHeader& header, std::string payload, std::function<void()> handled) override {
    dispatcher_->Post([wrap = wrap_, id, header, payload = std::move(payload), handled = std::move(handled)](Napi::Env env) {
      handled();
      wrap->Emit(env, {Napi::String::New(env, "frame"), NumberOf(env, id), NumberOf(env, header.kind), NumberOf(env, header.id),
                       Napi::Buffer<char>::Copy(env, payload.data(), payload.size())});
    });
  }

  void OnSent(ConnectionId id, uint32_t request, bool is_whole) override {
    dispatcher_->Post([wrap = wrap_, id, request, is_whole](Napi::Env env) {
      wrap->Emit(env, {Napi::String::New(env, "sent"), NumberOf(env, id), NumberOf(env, request), Napi::Boolean::New(env, is_whole)});
    });
  }

  void OnBroken(ConnectionId id, const Status& reason) override {
    dispatcher_->Post([wrap = wrap_, id, reason](Napi::Env env) {
      wrap->Emit(env, {Napi::String::New(env, "broken"), NumberOf(env, id), CodeOf(env, reason), Napi::String::New(env, reason.message())});
    });
  }

  void OnClosed(ConnectionId id, const Status& reason) override {
    dispatcher_->Post([wrap = wrap_, id, reason](Napi::Env env) {
      wrap->Emit(env, {Napi::String::New(env, "closed"), NumberOf(env, id), CodeOf(env, reason), Napi::String::New(env, reason.message())});
    });
  }

  // An outcome of a chunk; `bytes` null when they are in a fill.
  std::function<void(Status)> OnChunk(ConnectionId id, uint32_t request, std::shared_ptr<std::vector<uint8_t>> bytes) {
    return [dispatcher = dispatcher_, wrap = wrap_, id, request, bytes](const Status& status) {
      dispatcher->Post([wrap, id, request, bytes, status](Napi::Env env) {
        const Napi::Value payload =
            bytes == nullptr ? env.Null() : Napi::Value(Napi::Buffer<uint8_t>::Copy(env, bytes->data(), bytes->size()));
        wrap->Emit(env, {Napi::String::New(env, "chunk"), NumberOf(env, id), NumberOf(env, request), CodeOf(env, status),
                         Napi::String::New(env, status.message()), payload});
      });
    };
  }

 private:
  const std::shared_ptr<Dispatcher> dispatcher_;
  BulkWrap* const wrap_;
};

ConnectionId ConnectionFrom(const Napi::Value& value) { return static_cast<ConnectionId>(SizeFrom(value)); }
uint32_t RequestFrom(const Napi::Value& value) { return static_cast<uint32_t>(SizeFrom(value)); }

std::vector<uint8_t> BytesFrom(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw ErrorOf(value.Env(), Status::Error(code::kBadRequest, "A Uint8Array was expected."));
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  return std::vector<uint8_t>(bytes.Data(), bytes.Data() + bytes.ByteLength());
}

BulkEngineOptions OptionsFrom(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  BulkEngineOptions options;
  options.certificate = StringFrom(object.Get("certificate"));
  options.private_key = StringFrom(object.Get("privateKey"));
  options.thread_count = static_cast<int>(SizeFrom(object.Get("threadCount")));
  options.nice = static_cast<int>(SizeFrom(object.Get("nice")));
  options.inbound_connections_max = static_cast<uint32_t>(SizeFrom(object.Get("inboundConnectionsMax")));
  options.out_bytes_per_s = SizeFrom(object.Get("outBytesPerS"));
  options.in_bytes_per_s = SizeFrom(object.Get("inBytesPerS"));
  options.peer_out_bytes_per_s = SizeFrom(object.Get("peerOutBytesPerS"));
  options.peer_in_bytes_per_s = SizeFrom(object.Get("peerInBytesPerS"));
  return options;
}

// At the end of the environment: no native thread may outlive it.
void StopEngine(void* data) {
  auto* context = static_cast<BulkContext*>(data);
  context->engine->Stop();
  context->dispatcher->Close(/*environment_ends=*/true);
}

class StopWorker final : public Napi::AsyncWorker {
 public:
  StopWorker(Napi::Env env, std::shared_ptr<BulkContext> context, std::function<void()> stopped)
      : Napi::AsyncWorker(env, "holdfast:bulk-stop"), context_(std::move(context)), stopped_(std::move(stopped)) {}
  void Execute() override {
    context_->engine->Stop();
    stopped_();
  }

 private:
  const std::shared_ptr<BulkContext> context_;
  const std::function<void()> stopped_;
};

}  // namespace

Napi::Function BulkWrap::Define(Napi::Env env) {
  return DefineClass(env, "BulkEngine",
                     {
                         InstanceMethod<&BulkWrap::Listen>("listen"),
                         InstanceMethod<&BulkWrap::Connect>("connect"),
                         InstanceMethod<&BulkWrap::Admit>("admit"),
                         InstanceMethod<&BulkWrap::Send>("send"),
                         InstanceMethod<&BulkWrap::SendBytes>("sendBytes"),
                         InstanceMethod<&BulkWrap::SendStored>("sendStored"),
                         InstanceMethod<&BulkWrap::ExpectBytes>("expectBytes"),
                         InstanceMethod<&BulkWrap::ExpectInFills>("expectInFills"),
                         InstanceMethod<&BulkWrap::Skip>("skip"),
                         InstanceMethod<&BulkWrap::Withdraw>("withdraw"),
                         InstanceMethod<&BulkWrap::End>("end"),
                         InstanceMethod<&BulkWrap::CloseConnection>("close"),
                         InstanceMethod<&BulkWrap::MovedBytes>("movedBytes"),
                         InstanceMethod<&BulkWrap::Stop>("stop"),
                     });
}

BulkWrap::BulkWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<BulkWrap>(info), env_(info.Env()) {
  const BulkEngineOptions options = OptionsFrom(info[0]);
  auto context = std::make_shared<BulkContext>();
  if (info[1].IsObject()) context->store = StoreWrap::ContextOf(info[1].As<Napi::Object>());
  on_event_ = Napi::Persistent(info[2].As<Napi::Function>());
  context->dispatcher = Dispatcher::Create(info.Env(), "holdfast:bulk");
  context->listener = std::make_unique<Listener>(context->dispatcher, this);
  const Status status = BulkEngine::Create(options, context->listener.get(), &context->engine);
  if (!status.ok()) {
    context->dispatcher->Close(/*environment_ends=*/false);
    throw ErrorOf(info.Env(), status);
  }
  context_ = std::move(context);
  napi_add_env_cleanup_hook(env_, StopEngine, context_.get());
  hooked_ = true;
  Ref();
}

BulkWrap::~BulkWrap() { RemoveHook(); }

void BulkWrap::RemoveHook() {
  if (hooked_) napi_remove_env_cleanup_hook(env_, StopEngine, context_.get());
  hooked_ = false;
}

void BulkWrap::Emit(Napi::Env env, std::initializer_list<napi_value> arguments) {
  const Napi::HandleScope scope(env);
  on_event_.Call(arguments);
}

Napi::Value BulkWrap::Listen(const Napi::CallbackInfo& info) {
  uint16_t port = 0;
  ThrowUnlessOk(info.Env(), context_->engine->Listen(StringFrom(info[0]), static_cast<uint16_t>(SizeFrom(info[1])), &port));
  return NumberOf(info.Env(), port);
}

Napi::Value BulkWrap::Connect(const Napi::CallbackInfo& info) {
  return NumberOf(info.Env(), context_->engine->Connect(StringFrom(info[0]), static_cast<uint16_t>(SizeFrom(info[1]))));
}

Napi::Value BulkWrap::Admit(const Napi::CallbackInfo& info) {
  context_->engine->Admit(ConnectionFrom(info[0]), StringFrom(info[1]));
  return info.Env().Undefined();
}

Napi::Value BulkWrap::Send(const Napi::CallbackInfo& info) {
  BulkHeader header;
  header.kind = static_cast<uint8_t>(SizeFrom(info[1]));
  header.id = RequestFrom(info[2]);
  const std::vector<uint8_t> payload = BytesFrom(info[3]);
  header.length_bytes = static_cast<uint32_t>(payload.size());
  context_->engine->Send(ConnectionFrom(info[0]), header, std::string(payload.begin(), payload.end()));
  return info.Env().Undefined();
}

Napi::Value BulkWrap::SendBytes(const Napi::CallbackInfo& info) {
  context_->engine->SendChunk(ConnectionFrom(info[0]), RequestFrom(info[1]), SourceOfBytes(BytesFrom(info[2])));
  return info.Env().Undefined();
}

// A promise of true when the answer is on its way; false when the store does not hold the range, and nothing is sent.
Napi::Value BulkWrap::SendStored(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const ConnectionId connection = ConnectionFrom(info[0]);
  const uint32_t request = RequestFrom(info[1]);
  const Digest blob = DigestFrom(info[2]);
  const uint64_t offset_bytes = SizeFrom(info[3]);
  const uint64_t size_bytes = SizeFrom(info[4]);
  if (context_->dispatcher->closed() || context_->store == nullptr) {
    return Rejected(env, Status::Error(code::kShuttingDown, "The bulk engine has stopped."));
  }
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(env, context_->dispatcher);
  const Napi::Promise promise = pending->promise();
  const std::shared_ptr<Store> store(context_->store, context_->store->store.get());
  auto opened = [pending, context = context_, connection, request](Status status, std::unique_ptr<ChunkSource> source) {
    const bool is_found = source != nullptr;
    if (is_found) context->engine->SendChunk(connection, request, std::move(source));
    pending->Settle({std::move(status), [is_found](Napi::Env env) -> Napi::Value { return Napi::Boolean::New(env, is_found); }});
  };
  OpenStoreSource(store, blob, offset_bytes, size_bytes, std::move(opened));
  return promise;
}

Napi::Value BulkWrap::ExpectBytes(const Napi::CallbackInfo& info) {
  const ConnectionId connection = ConnectionFrom(info[0]);
  const uint32_t request = RequestFrom(info[1]);
  Expectation expectation;
  expectation.size_bytes = SizeFrom(info[2]);
  auto bytes = std::make_shared<std::vector<uint8_t>>();
  expectation.begin = [bytes, size_bytes = expectation.size_bytes](std::unique_ptr<ChunkWrite>* write) {
    bytes->resize(size_bytes);
    *write = BeginInMemory(bytes);
    return Status();
  };
  expectation.done = static_cast<Listener*>(context_->listener.get())->OnChunk(connection, request, bytes);
  context_->engine->Expect(connection, request, std::move(expectation));
  return info.Env().Undefined();
}

// (connection, request, size, [fill, index, offset, fill, index, offset, ...])
Napi::Value BulkWrap::ExpectInFills(const Napi::CallbackInfo& info) {
  const ConnectionId connection = ConnectionFrom(info[0]);
  const uint32_t request = RequestFrom(info[1]);
  Expectation expectation;
  expectation.size_bytes = SizeFrom(info[2]);
  const auto flat = info[3].As<Napi::Array>();
  std::vector<FillPlace> places;
  std::shared_ptr<StoreContext> store;
  for (uint32_t i = 0; i + 2 < flat.Length(); i += 3) {
    const FillWrap::Parts parts = FillWrap::PartsOf(flat.Get(i).As<Napi::Object>());
    store = parts.context;
    places.push_back({parts.fill, static_cast<uint32_t>(SizeFrom(flat.Get(i + 1))), SizeFrom(flat.Get(i + 2))});
  }
  if (places.empty()) throw ErrorOf(info.Env(), Status::Error(code::kBadRequest, "A chunk without a place was asked for."));
  // Both keep the store, whose threads a fill uses.
  expectation.begin = [places = std::move(places), size_bytes = expectation.size_bytes, store](std::unique_ptr<ChunkWrite>* write) {
    return BeginInPlaces(places, size_bytes, store->store->pool(), write);
  };
  expectation.done = [tell = static_cast<Listener*>(context_->listener.get())->OnChunk(connection, request, nullptr),
                      store](Status status) { tell(std::move(status)); };
  context_->engine->Expect(connection, request, std::move(expectation));
  return info.Env().Undefined();
}

Napi::Value BulkWrap::Skip(const Napi::CallbackInfo& info) {
  context_->engine->Skip(ConnectionFrom(info[0]), RequestFrom(info[1]));
  return info.Env().Undefined();
}

Napi::Value BulkWrap::Withdraw(const Napi::CallbackInfo& info) {
  context_->engine->Withdraw(ConnectionFrom(info[0]), RequestFrom(info[1]));
  return info.Env().Undefined();
}

Napi::Value BulkWrap::End(const Napi::CallbackInfo& info) {
  context_->engine->End(ConnectionFrom(info[0]));
  return info.Env().Undefined();
}

Napi::Value BulkWrap::CloseConnection(const Napi::CallbackInfo& info) {
  context_->engine->Close(ConnectionFrom(info[0]));
  return info.Env().Undefined();
}

Napi::Value BulkWrap::MovedBytes(const Napi::CallbackInfo& info) {
  return NumberOf(info.Env(), context_->engine->MovedBytes(ConnectionFrom(info[0])));
}

Napi::Value BulkWrap::Stop(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!stopping_.IsEmpty()) return stopping_.Value();
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(env, context_->dispatcher);
  const Napi::Promise promise = pending->promise();
  stopping_ = Napi::Persistent(promise.As<Napi::Object>());
  // Passes through the queue behind every event that the engine still had to tell.
  auto stopped = [this, pending, dispatcher = context_->dispatcher] {
    pending->Settle({Status(), nullptr});
    dispatcher->Post([this, dispatcher](Napi::Env) {
      RemoveHook();
      dispatcher->Close(/*environment_ends=*/false);
      Unref();
    });
  };
  (new StopWorker(env, context_, std::move(stopped)))->Queue();
  return promise;
}

}  // namespace holdfast::addon
