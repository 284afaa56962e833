#include <algorithm>
#include <climits>
#include <utility>

#include "addon_state.h"
#include "convert.h"
#include "memory/fill_file.h"
#include "store_wrap.h"

namespace holdfast::addon {

Napi::Function FillWrap::Define(Napi::Env env) {
  return DefineClass(env, "Fill",
                     {InstanceMethod<&FillWrap::Recover>("recover"), InstanceMethod<&FillWrap::PutChunk>("putChunk"),
                      InstanceMethod<&FillWrap::PutFile>("putFile"),
                      InstanceMethod<&FillWrap::Finish>("finish"), InstanceMethod<&FillWrap::Abort>("abort")});
}

Napi::Object FillWrap::New(Napi::Env env, std::shared_ptr<StoreContext> context, std::shared_ptr<Fill> fill) {
  Parts parts{std::move(context), std::move(fill)};
  return env.GetInstanceData<AddonState>()->fill.New({Napi::External<Parts>::New(env, &parts)});
}

FillWrap::FillWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FillWrap>(info) {
  auto* parts = info[0].As<Napi::External<Parts>>().Data();
  context_ = std::move(parts->context);
  fill_ = std::move(parts->fill);
}

Napi::Value FillWrap::Recover(const Napi::CallbackInfo& info) {
  return RunOnPool(info.Env(), context_->dispatcher, context_->store->pool(), [fill = fill_]() -> Outcome {
    std::vector<uint32_t> indices;
    Status status = fill->Recover(&indices);
    return {std::move(status), [indices = std::move(indices)](Napi::Env env) -> Napi::Value {
              Napi::Array array = Napi::Array::New(env, indices.size());
              for (uint32_t i = 0; i < indices.size(); i++) array.Set(i, NumberOf(env, indices[i]));
              return array;
            }};
  });
}

Napi::Value FillWrap::PutChunk(const Napi::CallbackInfo& info) {
  const uint32_t index = static_cast<uint32_t>(std::min<uint64_t>(SizeFrom(info[0]), UINT32_MAX));
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw ErrorOf(info.Env(), Status::Error(code::kBadRequest, "A Uint8Array was expected."));
  }
  const Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  const uint8_t* data = bytes.Data();
  const size_t size_bytes = bytes.ByteLength();
  // The array is referenced until the promise settles. A program that transfers its buffer to another thread meanwhile breaks it.
  return RunOnPool(
      info.Env(), context_->dispatcher, context_->store->pool(),
      [fill = fill_, index, data, size_bytes]() -> Outcome { return {fill->PutChunk(index, data, size_bytes), nullptr}; },
      {bytes});
}

// (index, fd, offsetBytes) -> null, or 'short', or the errno of a read that failed
Napi::Value FillWrap::PutFile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint32_t index = static_cast<uint32_t>(std::min<uint64_t>(SizeFrom(info[0]), UINT32_MAX));
  const int fd = static_cast<int>(std::min<uint64_t>(SizeFrom(info[1]), INT_MAX));
  const uint64_t offset_bytes = SizeFrom(info[2]);
  if (context_->dispatcher->closed()) return Rejected(env, Status::Error(code::kShuttingDown, "The store is closed."));
  reads_files_ = true;
  const std::shared_ptr<PendingPromise> pending = PendingPromise::Create(env, context_->dispatcher);
  const Napi::Promise promise = pending->promise();
  auto work = [fill = fill_, index, fd, offset_bytes, pending] {
    PutFromFile(fill, index, fd, offset_bytes, [pending](FileChunk chunk) {
      pending->Settle({std::move(chunk.status), [whole = chunk.whole, error = chunk.read_error](Napi::Env env) -> Napi::Value {
                         if (error != 0) return Napi::Number::New(env, error);
                         return whole ? env.Null() : Napi::Value(Napi::String::New(env, "short"));
                       }});
    });
  };
  if (!context_->store->file_pool()->Submit(std::move(work))) {
    pending->Settle({Status::Error(code::kShuttingDown, "The store is closing."), nullptr});
  }
  return promise;
}

Napi::Value FillWrap::Finish(const Napi::CallbackInfo& info) {
  return RunOnPool(info.Env(), context_->dispatcher, context_->store->pool(),
                   [fill = fill_]() -> Outcome { return {fill->Finish(), nullptr}; });
}

Napi::Value FillWrap::Abort(const Napi::CallbackInfo& info) {
  const bool keep_partial = info[0].ToBoolean();
  const Status reason = Status::Error(StringFrom(info[1]), StringFrom(info[2]));
  // It waits for reads that run, and one of a file that hangs would keep it.
  ThreadPool* pool = reads_files_ ? context_->store->file_pool() : context_->store->pool();
  return RunOnPool(info.Env(), context_->dispatcher, pool, [fill = fill_, keep_partial, reason]() -> Outcome {
    fill->Abort(keep_partial, reason);
    return {};
  });
}

}  // namespace holdfast::addon
