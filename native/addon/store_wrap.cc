// Invariant: the context's store exists until the environment ends or the object is collected; after Close its calls fail
// with SHUTTING_DOWN or answer from the tables.
#include "store_wrap.h"

#include <atomic>
#include <cstdlib>
#include <utility>

#include "convert.h"

namespace holdfast::addon {

namespace {

// Up to here a copy is cheaper than telling the collector about memory outside of its heap.
constexpr uint64_t kCopyBytesMax = 64 * 1024;

// Events that may wait for the JavaScript thread. A blocked one delays nobody's hits before that many opens and closes.
constexpr int kEventsMax = 65536;

// Called on the store's threads; passes on to the JavaScript thread.
class Listener final : public StoreListener {
 public:
  Listener(std::shared_ptr<Dispatcher> dispatcher, StoreWrap* wrap) : dispatcher_(std::move(dispatcher)), wrap_(wrap) {}

  void OnOpenMiss(const OpenMiss& miss) override {
    Emit([wrap = wrap_, miss](Napi::Env env) { wrap->EmitOpenMiss(env, miss); });
  }

  void OnLease(bool opened, const LeaseInfo& info) override {
    Emit([wrap = wrap_, opened, info](Napi::Env env) { wrap->EmitLease(env, opened, info); });
  }

  bool congested() const override { return *waiting_ >= kEventsMax; }

 private:
  void Emit(Dispatcher::Action action) {
    ++*waiting_;
    dispatcher_->Post([waiting = waiting_, action = std::move(action)](Napi::Env env) {
      --*waiting;
      action(env);
    });
  }

  const std::shared_ptr<Dispatcher> dispatcher_;
  StoreWrap* const wrap_;
  const std::shared_ptr<std::atomic<int>> waiting_ = std::make_shared<std::atomic<int>>(0);
};

// At the end of the environment: no native thread may outlive it.
void StopStore(void* data) {
  auto* context = static_cast<StoreContext*>(data);
  context->store->Stop();
  context->dispatcher->Close(/*environment_ends=*/true);
}

class CloseWorker final : public Napi::AsyncWorker {
 public:
  CloseWorker(Napi::Env env, std::shared_ptr<StoreContext> context, std::function<void()> closed)
      : Napi::AsyncWorker(env, "holdfast:close"), context_(std::move(context)), closed_(std::move(closed)) {}
  void Execute() override {
    context_->store->Close();
    closed_();
  }

 private:
  const std::shared_ptr<StoreContext> context_;
  const std::function<void()> closed_;
};

Outcome ReadRange(Store* store, const Digest& digest, uint64_t offset_bytes, uint64_t size_bytes) {
  const auto null = [](Napi::Env env) { return env.Null(); };
  BlobState state;
  if (!store->FindBlob(digest, &state) && !store->FindFilling(digest, &state.size_bytes)) return {Status(), null};
  if (offset_bytes > state.size_bytes || size_bytes > state.size_bytes - offset_bytes) {
    return {Status::Error(code::kBadRequest, "The range ends beyond the blob."), nullptr};
  }
  struct Free {
    void operator()(uint8_t* data) const { std::free(data); }
  };
  std::shared_ptr<uint8_t> data(static_cast<uint8_t*>(std::malloc(size_bytes + 1)), Free());
  if (data == nullptr) return {Status::Error(code::kSystem, "No memory for the range; ask for a smaller one."), nullptr};
  bool found = false;
  Status status = store->Read(digest, offset_bytes, size_bytes, data.get(), &found);
  if (!status.ok() || !found) return {std::move(status), null};
  return {Status(), [data, size_bytes](Napi::Env env) -> Napi::Value {
            if (size_bytes <= kCopyBytesMax) return Napi::Buffer<uint8_t>::Copy(env, data.get(), size_bytes);
            auto* kept = new std::shared_ptr<uint8_t>(data);
            return Napi::Buffer<uint8_t>::New(
                env, data.get(), size_bytes,
                [](Napi::Env, uint8_t*, std::shared_ptr<uint8_t>* hint) { delete hint; }, kept);
          }};
}

using Context = std::shared_ptr<StoreContext>;

// Runs `work`, which may wait, on the store's threads. Keeps the store, not the JavaScript object, alive meanwhile.
Napi::Promise Run(Napi::Env env, const Context& context, std::function<Outcome(Store*)> work) {
  return RunOnPool(env, context->dispatcher, context->store->pool(),
                   [context, work = std::move(work)] { return work(context->store.get()); });
}

Napi::Value BeginFill(const Napi::CallbackInfo& info, const Context& context) {
  const Napi::Env env = info.Env();
  std::shared_ptr<Fill> fill;
  ThrowUnlessOk(env, context->store->BeginFill(BlobSpecFrom(info[0]), info[1].ToBoolean(), info[2].ToBoolean(), &fill));
  return FillWrap::New(env, context, std::move(fill));
}

Napi::Value ImportFile(const Napi::CallbackInfo& info, const Context& context) {
  return Run(info.Env(), context, [path = StringFrom(info[0]), chunk_bytes = SizeFrom(info[1])](Store* store) -> Outcome {
    Digest id;
    uint64_t size_bytes = 0;
    Status status = store->ImportFile(path, chunk_bytes, &id, &size_bytes);
    return {std::move(status), [id, size_bytes](Napi::Env env) -> Napi::Value {
              Napi::Object object = Napi::Object::New(env);
              object.Set("id", id.ToHex());
              object.Set("sizeBytes", NumberOf(env, size_bytes));
              return object;
            }};
  });
}

Napi::Value Promote(const Napi::CallbackInfo& info, const Context& context) {
  const Digest digest = DigestFrom(info[0]);
  std::unique_ptr<const BlobProof> proof = BlobProofFrom(info[1]);
  if (context->dispatcher->closed()) {
    return Rejected(info.Env(), Status::Error(code::kShuttingDown, "The store is closed."));
  }
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(info.Env(), context->dispatcher);
  const Napi::Promise promise = pending->promise();
  context->store->Promote(digest, std::move(proof), [pending](Status status) { pending->Settle({std::move(status), nullptr}); });
  return promise;
}

Napi::Value Read(const Napi::CallbackInfo& info, const Context& context) {
  const Digest digest = DigestFrom(info[0]);
  const uint64_t offset_bytes = SizeFrom(info[1]);
  const uint64_t size_bytes = SizeFrom(info[2]);
  return Run(info.Env(), context, [=](Store* store) { return ReadRange(store, digest, offset_bytes, size_bytes); });
}

Napi::Value DropMemory(const Napi::CallbackInfo& info, const Context& context) {
  return Napi::Boolean::New(info.Env(), context->store->DropMemory(DigestFrom(info[0])));
}

Napi::Value DropDisk(const Napi::CallbackInfo& info, const Context& context) {
  return Run(info.Env(), context, [digest = DigestFrom(info[0])](Store* store) -> Outcome {
    const bool dropped = store->DropDisk(digest);
    return {Status(), [dropped](Napi::Env env) { return Napi::Boolean::New(env, dropped); }};
  });
}

Napi::Value DiskPathOf(const Napi::CallbackInfo& info, const Context& context) {
  const std::string path = context->store->DiskPathOf(DigestFrom(info[0]));
  return path.empty() ? info.Env().Null() : Napi::Value(Napi::String::New(info.Env(), path));
}

Napi::Value ExportedPathOf(const Napi::CallbackInfo& info, const Context& context) {
  const std::string path = context->store->ExportedPathOf(StringFrom(info[0]));
  return path.empty() ? info.Env().Null() : Napi::Value(Napi::String::New(info.Env(), path));
}

Napi::Value DigestDisk(const Napi::CallbackInfo& info, const Context& context) {
  return Run(info.Env(), context, [name = DigestFrom(info[0]), cut = CutFrom(info[1])](Store* store) -> Outcome {
    bool found = false;
    BlobDigests digests;
    Status status = store->DigestDisk(name, cut, &found, &digests);
    return {std::move(status), [found, digests](Napi::Env env) -> Napi::Value {
              if (!found) return env.Null();
              Napi::Object object = Napi::Object::New(env);
              object.Set("id", digests.id.ToHex());
              object.Set("sha256", digests.sha256.ToHex());
              return object;
            }};
  });
}

Napi::Value VerifyDisk(const Napi::CallbackInfo& info, const Context& context) {
  return Run(info.Env(), context, [id = DigestFrom(info[0]), cut = CutFrom(info[1])](Store* store) -> Outcome {
    bool good = false;
    Digest sha256;
    Status status = store->VerifyDisk(id, cut, &good, &sha256);
    return {std::move(status), [good, sha256](Napi::Env env) -> Napi::Value {
              return good ? Napi::Value(Napi::String::New(env, sha256.ToHex())) : env.Null();
            }};
  });
}

Napi::Value HashOnDisk(const Napi::CallbackInfo& info, const Context& context) {
  const Digest id = DigestFrom(info[0]);
  const uint64_t offset_bytes = SizeFrom(info[1]);
  const uint64_t size_bytes = SizeFrom(info[2]);
  const bool keeps_cached = info[3].IsObject() && info[3].As<Napi::Object>().Get("keepsCached").ToBoolean();
  return Run(info.Env(), context, [=](Store* store) -> Outcome {
    bool found = false;
    Digest sha256;
    Status status = store->HashOnDisk(id, offset_bytes, size_bytes, keeps_cached, &found, &sha256);
    return {std::move(status), [found, sha256](Napi::Env env) -> Napi::Value {
              return found ? Napi::Value(Napi::String::New(env, sha256.ToHex())) : env.Null();
            }};
  });
}

Napi::Value GiveUpOnDisk(const Napi::CallbackInfo& info, const Context& context) {
  return Run(info.Env(), context, [id = DigestFrom(info[0])](Store* store) -> Outcome {
    store->GiveUpOnDisk(id);
    return {Status(), [](Napi::Env env) { return env.Undefined(); }};
  });
}

Napi::Value TakeOver(const Napi::CallbackInfo& info, const Context& context) {
  return Run(info.Env(), context, [moves = BlobMovesFrom(info[0])](Store* store) -> Outcome {
    uint64_t moved = 0;
    Status status = store->TakeOver(moves, &moved);
    return {std::move(status), [moved](Napi::Env env) -> Napi::Value { return NumberOf(env, moved); }};
  });
}

Napi::Value Publish(const Napi::CallbackInfo& info, const Context& context) {
  ThrowUnlessOk(info.Env(), context->store->catalog()->Publish(ModelFrom(info[0]), StringsFrom(info[1])));
  return info.Env().Undefined();
}

Napi::Value Unpublish(const Napi::CallbackInfo& info, const Context& context) {
  context->store->catalog()->Unpublish(StringFrom(info[0]));
  return info.Env().Undefined();
}

Napi::Value RemoveName(const Napi::CallbackInfo& info, const Context& context) {
  context->store->catalog()->RemoveName(StringFrom(info[0]));
  return info.Env().Undefined();
}

Napi::Value AnswerOpen(const Napi::CallbackInfo& info, const Context& context) {
  const uint32_t request_id = static_cast<uint32_t>(SizeFrom(info[0]));
  ThrowUnlessOk(info.Env(), context->store->server()->Answer(request_id, StringFrom(info[1])));
  return info.Env().Undefined();
}

Napi::Value RefuseOpen(const Napi::CallbackInfo& info, const Context& context) {
  const uint32_t request_id = static_cast<uint32_t>(SizeFrom(info[0]));
  context->store->server()->Refuse(request_id, StringFrom(info[1]), StringFrom(info[2]));
  return info.Env().Undefined();
}

Napi::Value Reattach(const Napi::CallbackInfo& info, const Context& context) {
  const uint32_t request_id = static_cast<uint32_t>(SizeFrom(info[0]));
  const std::vector<WantedBlob> wanted = WantedBlobsFrom(info[1]);
  if (context->dispatcher->closed()) {
    return Rejected(info.Env(), Status::Error(code::kShuttingDown, "The store is closed."));
  }
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(info.Env(), context->dispatcher);
  const Napi::Promise promise = pending->promise();
  const Status status = context->store->Reattach(request_id, wanted, [pending](std::vector<Reattached> reattached) {
    pending->Settle({Status(), [reattached = std::move(reattached)](Napi::Env env) -> Napi::Value {
                       Napi::Array array = Napi::Array::New(env, reattached.size());
                       for (uint32_t i = 0; i < reattached.size(); i++) array.Set(i, ReattachedOf(env, reattached[i]));
                       return array;
                     }});
  });
  if (!status.ok()) pending->Settle({status, nullptr});
  return promise;
}

Napi::Value SetAccess(const Napi::CallbackInfo& info, const Context& context) {
  context->store->server()->SetAccess(AccessRulesFrom(info[0]));
  return info.Env().Undefined();
}

Napi::Value Blobs(const Napi::CallbackInfo& info, const Context& context) {
  const std::vector<BlobState> states = context->store->ListBlobs();
  Napi::Array array = Napi::Array::New(info.Env(), states.size());
  for (uint32_t i = 0; i < states.size(); i++) array.Set(i, BlobStateOf(info.Env(), states[i]));
  return array;
}

Napi::Value Blob(const Napi::CallbackInfo& info, const Context& context) {
  BlobState state;
  if (!context->store->FindBlob(DigestFrom(info[0]), &state)) return info.Env().Null();
  return BlobStateOf(info.Env(), state);
}

Napi::Value Stats(const Napi::CallbackInfo& info, const Context& context) {
  return StatsOf(info.Env(), context->store->stats());
}

Napi::Value CheckInvariants(const Napi::CallbackInfo& info, const Context& context) {
  ThrowUnlessOk(info.Env(), context->store->CheckInvariants());
  return info.Env().Undefined();
}

}  // namespace

// What JavaScript may call: a name and a function above.
Napi::Function StoreWrap::Define(Napi::Env env) {
  return DefineClass(env, "Store",
                     {
                         InstanceMethod<&StoreWrap::Call<BeginFill>>("beginFill"),
                         InstanceMethod<&StoreWrap::Call<ImportFile>>("importFile"),
                         InstanceMethod<&StoreWrap::Call<Promote>>("promote"),
                         InstanceMethod<&StoreWrap::Call<Read>>("read"),
                         InstanceMethod<&StoreWrap::Call<DropMemory>>("dropMemory"),
                         InstanceMethod<&StoreWrap::Call<DropDisk>>("dropDisk"),
                         InstanceMethod<&StoreWrap::Call<DiskPathOf>>("diskPathOf"),
                         InstanceMethod<&StoreWrap::Call<ExportedPathOf>>("exportedPathOf"),
                         InstanceMethod<&StoreWrap::Call<DigestDisk>>("digestDisk"),
                         InstanceMethod<&StoreWrap::Call<VerifyDisk>>("verifyDisk"),
                         InstanceMethod<&StoreWrap::Call<HashOnDisk>>("hashOnDisk"),
                         InstanceMethod<&StoreWrap::Call<GiveUpOnDisk>>("giveUpOnDisk"),
                         InstanceMethod<&StoreWrap::Call<TakeOver>>("takeOver"),
                         InstanceMethod<&StoreWrap::Call<Publish>>("publish"),
                         InstanceMethod<&StoreWrap::Call<Unpublish>>("unpublish"),
                         InstanceMethod<&StoreWrap::Call<RemoveName>>("removeName"),
                         InstanceMethod<&StoreWrap::Call<AnswerOpen>>("answerOpen"),
                         InstanceMethod<&StoreWrap::Call<RefuseOpen>>("refuseOpen"),
                         InstanceMethod<&StoreWrap::Call<Reattach>>("reattach"),
                         InstanceMethod<&StoreWrap::Call<SetAccess>>("setAccess"),
                         InstanceMethod<&StoreWrap::Call<Blobs>>("blobs"),
                         InstanceMethod<&StoreWrap::Call<Blob>>("blob"),
                         InstanceMethod<&StoreWrap::Call<Stats>>("stats"),
                         InstanceMethod<&StoreWrap::Call<CheckInvariants>>("checkInvariants"),
                         InstanceMethod<&StoreWrap::Close>("close"),
                     });
}

StoreWrap::StoreWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StoreWrap>(info), env_(info.Env()) {
  const StoreOptions options = StoreOptionsFrom(info[0]);
  on_open_miss_ = Napi::Persistent(info[1].As<Napi::Function>());
  on_lease_ = Napi::Persistent(info[2].As<Napi::Function>());
  auto context = std::make_shared<StoreContext>();
  context->dispatcher = Dispatcher::Create(info.Env(), "holdfast:store");
  context->listener = std::make_unique<Listener>(context->dispatcher, this);
  const Status status = Store::Open(options, context->listener.get(), &context->store);
  if (!status.ok()) {
    context->dispatcher->Close(/*environment_ends=*/false);
    throw ErrorOf(info.Env(), status);
  }
  context_ = std::move(context);
  // Added after the thread-safe function, so that it runs before Node ends that one.
  napi_add_env_cleanup_hook(env_, StopStore, context_.get());
  hooked_ = true;
  Ref();
}

StoreWrap::~StoreWrap() { RemoveHook(); }

void StoreWrap::RemoveHook() {
  if (hooked_) napi_remove_env_cleanup_hook(env_, StopStore, context_.get());
  hooked_ = false;
}

void StoreWrap::EmitOpenMiss(Napi::Env env, const OpenMiss& miss) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("requestId", NumberOf(env, miss.request_id));
  object.Set("name", miss.name);
  object.Set("tenant", miss.tenant);
  object.Set("deadlineMs", DeadlineOf(env, miss.deadline_ms));
  object.Set("pid", Napi::Number::New(env, miss.pid));
  object.Set("uid", Napi::Number::New(env, miss.uid));
  object.Set("heldDigest", miss.held_digest);
  object.Set("heldBytes", NumberOf(env, miss.held_bytes));
  object.Set("isRestricted", Napi::Boolean::New(env, miss.restricted));
  on_open_miss_.Call({object});
}

void StoreWrap::EmitLease(Napi::Env env, bool opened, const LeaseInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", opened ? "opened" : "closed");
  object.Set("leaseId", NumberOf(env, info.id));
  object.Set("digest", info.digest);
  object.Set("pid", Napi::Number::New(env, info.pid));
  object.Set("tenant", info.tenant);
  on_lease_.Call({object});
}

Napi::Value StoreWrap::Close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!closing_.IsEmpty()) return closing_.Value();
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(env, context_->dispatcher);
  const Napi::Promise promise = pending->promise();
  closing_ = Napi::Persistent(promise.As<Napi::Object>());
  // Passes through the queue behind every event and result that the store still had to tell.
  auto closed = [this, pending, dispatcher = context_->dispatcher] {
    pending->Settle({Status(), nullptr});
    dispatcher->Post([this, dispatcher](Napi::Env) {
      RemoveHook();
      dispatcher->Close(/*environment_ends=*/false);
      Unref();
    });
  };
  (new CloseWorker(env, context_, std::move(closed)))->Queue();
  return promise;
}

}  // namespace holdfast::addon
