// Store and Fill as JavaScript classes.
#ifndef HOLDFAST_ADDON_STORE_WRAP_H_
#define HOLDFAST_ADDON_STORE_WRAP_H_

#include <napi.h>

#include <memory>

#include "dispatcher.h"
#include "memory/store.h"

namespace holdfast::addon {

// What a store and its fills share, so that either may go first.
struct StoreContext {
  std::shared_ptr<Dispatcher> dispatcher;
  std::unique_ptr<StoreListener> listener;
  // Last, so that its threads end before what they use.
  std::unique_ptr<Store> store;
};

// new Store(options, onOpenMiss, onLease). Not collected before close(): it serves other processes.
class StoreWrap : public Napi::ObjectWrap<StoreWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit StoreWrap(const Napi::CallbackInfo& info);
  ~StoreWrap() override;
  static std::shared_ptr<StoreContext> ContextOf(const Napi::Object& store) { return Unwrap(store)->context_; }

  void EmitOpenMiss(Napi::Env env, const OpenMiss& miss);
  void EmitLease(Napi::Env env, bool opened, const LeaseInfo& info);

 private:
  using StoreCall = Napi::Value (*)(const Napi::CallbackInfo& info, const std::shared_ptr<StoreContext>& context);

  // A call of the store, which store_wrap.cc defines and names.
  template <StoreCall kCall>
  Napi::Value Call(const Napi::CallbackInfo& info) {
    return kCall(info, context_);
  }
  // Besides, keeps the object until all has ended.
  Napi::Value Close(const Napi::CallbackInfo& info);
  void RemoveHook();

  std::shared_ptr<StoreContext> context_;
  Napi::FunctionReference on_open_miss_;
  Napi::FunctionReference on_lease_;
  Napi::ObjectReference closing_;
  napi_env env_;
  bool hooked_ = false;
};

class FillWrap : public Napi::ObjectWrap<FillWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Object New(Napi::Env env, std::shared_ptr<StoreContext> context, std::shared_ptr<Fill> fill);
  explicit FillWrap(const Napi::CallbackInfo& info);

  struct Parts {
    std::shared_ptr<StoreContext> context;
    std::shared_ptr<Fill> fill;
  };
  static Parts PartsOf(const Napi::Object& fill) {
    const FillWrap* wrap = Unwrap(fill);
    return {wrap->context_, wrap->fill_};
  }

 private:
  Napi::Value Recover(const Napi::CallbackInfo& info);
  Napi::Value PutChunk(const Napi::CallbackInfo& info);
  Napi::Value PutFile(const Napi::CallbackInfo& info);
  Napi::Value Finish(const Napi::CallbackInfo& info);
  Napi::Value Abort(const Napi::CallbackInfo& info);

  // Before fill_: a fill uses the threads of its store.
  std::shared_ptr<StoreContext> context_;
  std::shared_ptr<Fill> fill_;
  bool reads_files_ = false;
};

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_STORE_WRAP_H_
