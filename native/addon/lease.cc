// Waits run on threads of their own: libuv has four, which the whole process shares, and a wait may last as long as a fetch.
#include "lease.h"

#include <atomic>
#include <system_error>
#include <thread>
#include <utility>

#include "convert.h"

namespace holdfast::addon {

namespace {

using SharedLease = std::shared_ptr<Lease>;

// A program that waits for more ranges than this at once waits for its own threads.
constexpr int kWaitersMax = 256;
std::atomic<int> waiter_count = 0;

SharedLease LeaseOf(const Napi::Value& value) {
  const SharedLease& lease = *value.As<Napi::External<SharedLease>>().Data();
  if (lease->model == nullptr) throw ErrorOf(value.Env(), Status::Error(code::kBadRequest, "The model is closed."));
  return lease;
}

const OpenedFile& FileOf(const Lease& lease, const Napi::Value& index) {
  const uint64_t number = SizeFrom(index);
  if (number < lease.model->files().size()) return lease.model->files()[number];
  throw ErrorOf(index.Env(), Status::Error(code::kBadRequest, "The model has no file of this index."));
}

Napi::Value BufferOf(Napi::Env env, const uint8_t* data, uint64_t size_bytes, const SharedLease& lease) {
  if (size_bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  // V8 counts these bytes as external memory of the process, and looks for garbage after each 64 MiB that are added. So a buffer is made
  // only when somebody asks for the bytes, and only over those. Taking the count off again was tried: the swing itself starts more
  // collections (665 instead of 483 in 3,000 opens of 100 MB).
  auto* kept = new SharedLease(lease);
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, const_cast<uint8_t*>(data), size_bytes, [](napi_env, void*, void* hint) { delete static_cast<SharedLease*>(hint); }, kept,
      &buffer);
  if (status != napi_ok) {
    delete kept;
    throw ErrorOf(env, Status::Error(code::kTooLarge, "This version of Node cannot hold " + std::to_string(size_bytes) +
                                                          " bytes in one ArrayBuffer; use Node 22 or later."));
  }
  return Napi::Value(env, buffer);
}

Napi::Object TensorOf(Napi::Env env, const TensorEntry& tensor) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array shape = Napi::Array::New(env, tensor.shape.size());
  for (uint32_t i = 0; i < tensor.shape.size(); i++) shape.Set(i, NumberOf(env, tensor.shape[i]));
  object.Set("name", tensor.name);
  object.Set("dtype", tensor.dtype);
  object.Set("shape", shape);
  object.Set("offsetBytes", NumberOf(env, tensor.offset_bytes));
  object.Set("sizeBytes", NumberOf(env, tensor.size_bytes));
  return object;
}

Napi::Array ArrayOf(Napi::Env env, const std::vector<TensorEntry>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); i++) {
    const Napi::HandleScope scope(env);
    array.Set(i, TensorOf(env, tensors[i]));
  }
  return array;
}

// Settles with what `work` gives. The lease, and so the memory, stays until then.
Napi::Value RunWaiting(Napi::Env env, SharedLease lease, std::function<Outcome(Lease*)> work) {
  if (lease->dispatcher->closed()) {
    return Rejected(env, Status::Error(code::kStoreUnreachable, "The client is closed; connect again."));
  }
  if (waiter_count.fetch_add(1) >= kWaitersMax) {
    waiter_count--;
    return Rejected(env, Status::Error(code::kStoreBusy, "This process waits for 256 ranges already; wait for fewer at once."));
  }
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(env, lease->dispatcher);
  const Napi::Promise promise = pending->promise();
  // A close() meanwhile takes the model out of the lease, but not out of this hand.
  auto held = std::make_shared<Lease>(lease->dispatcher, lease->model);
  try {
    std::thread([pending, held, work = std::move(work)] {
      pending->Settle(work(held.get()));
      waiter_count--;
    }).detach();
  } catch (const std::system_error&) {
    waiter_count--;
    pending->Settle({Status::Error(code::kSystem, "The process cannot start another thread."), nullptr});
  }
  return promise;
}

}  // namespace

Napi::Value ModelOf(Napi::Env env, SharedLease lease) {
  const OpenedModel& model = *lease->model;
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
  result.Set("handle", Napi::External<SharedLease>::New(env, new SharedLease(std::move(lease)),
                                                        [](Napi::Env, SharedLease* data) { delete data; }));
  return result;
}

void CloseModel(const Napi::CallbackInfo& info) {
  const SharedLease lease = *info[0].As<Napi::External<SharedLease>>().Data();
  const Napi::Array buffers = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i < buffers.Length(); i++) {
    Napi::ArrayBuffer buffer = buffers.Get(i).As<Napi::ArrayBuffer>();
    if (!buffer.IsDetached()) buffer.Detach();
  }
  lease->tensors.reset();
  lease->model.reset();
}

Napi::Value ViewOf(const Napi::CallbackInfo& info) {
  const SharedLease lease = LeaseOf(info[0]);
  const uint64_t offset_bytes = SizeFrom(info[2]);
  const uint64_t size_bytes = SizeFrom(info[3]);
  const uint8_t* data = nullptr;
  const OpenedFile& file = FileOf(*lease, info[1]);
  ThrowUnlessOk(info.Env(), lease->model->WaitRange(file.blob, offset_bytes, size_bytes, 0, &data));
  return BufferOf(info.Env(), data, size_bytes, lease);
}

Napi::Value WaitRange(const Napi::CallbackInfo& info) {
  const SharedLease lease = LeaseOf(info[0]);
  const uint32_t blob = FileOf(*lease, info[1]).blob;
  const uint64_t offset_bytes = SizeFrom(info[2]);
  const uint64_t size_bytes = SizeFrom(info[3]);
  const uint64_t deadline_ms = DeadlineFrom(info[4]);
  return RunWaiting(info.Env(), lease, [=](Lease* held) -> Outcome {
    const uint8_t* data = nullptr;
    return {held->model->WaitRange(blob, offset_bytes, size_bytes, deadline_ms, &data), nullptr};
  });
}

Napi::Value TensorsOf(const Napi::CallbackInfo& info) {
  const SharedLease lease = LeaseOf(info[0]);
  (void)FileOf(*lease, info[1]);
  const size_t index = SizeFrom(info[1]);
  const uint64_t deadline_ms = DeadlineFrom(info[2]);
  return RunWaiting(info.Env(), lease, [=](Lease* held) -> Outcome {
    const ModelTensors::Directory* directory = nullptr;
    Status status = held->tensors->Of(index, deadline_ms, &directory);
    std::vector<TensorEntry> tensors;
    if (status.ok()) tensors = directory->tensors;
    return {std::move(status), [tensors = std::move(tensors)](Napi::Env env) -> Napi::Value {
              return ArrayOf(env, tensors);
            }};
  });
}

Napi::Value ReadTensors(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto start = info[1].As<Napi::Uint8Array>();
  uint64_t needed_bytes = 0;
  std::vector<TensorEntry> tensors;
  ThrowUnlessOk(env, ParseTensors(StringFrom(info[0]), {start.Data(), start.ByteLength(), SizeFrom(info[2])}, {}, &needed_bytes, &tensors));
  if (needed_bytes > 0) return NumberOf(env, needed_bytes);
  return ArrayOf(env, tensors);
}

Napi::Value FindTensor(const Napi::CallbackInfo& info) {
  const SharedLease lease = LeaseOf(info[0]);
  size_t file = 0;
  const TensorEntry* tensor = nullptr;
  ThrowUnlessOk(info.Env(), lease->tensors->Find(StringFrom(info[1]), 0, &file, &tensor));
  Napi::Object object = TensorOf(info.Env(), *tensor);
  object.Set("file", NumberOf(info.Env(), file));
  return object;
}

}  // namespace holdfast::addon
