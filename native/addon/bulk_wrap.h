// The bulk engine as a JavaScript class.
#ifndef HOLDFAST_ADDON_BULK_WRAP_H_
#define HOLDFAST_ADDON_BULK_WRAP_H_

#include <napi.h>

#include <memory>

#include "dispatcher.h"
#include "store_wrap.h"
#include "transfer/bulk_engine.h"

namespace holdfast::addon {

struct BulkContext {
  std::shared_ptr<Dispatcher> dispatcher;
  // Null of an engine that serves no store.
  std::shared_ptr<StoreContext> store;
  std::unique_ptr<BulkListener> listener;
  // Last, so that its threads end before what they use.
  std::unique_ptr<BulkEngine> engine;
};

// new BulkEngine(options, store or null, onEvent). Not collected before stop().
class BulkWrap : public Napi::ObjectWrap<BulkWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit BulkWrap(const Napi::CallbackInfo& info);
  ~BulkWrap() override;

  void Emit(Napi::Env env, std::initializer_list<napi_value> arguments);

 private:
  Napi::Value Listen(const Napi::CallbackInfo& info);
  Napi::Value Connect(const Napi::CallbackInfo& info);
  Napi::Value Admit(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value SendBytes(const Napi::CallbackInfo& info);
  Napi::Value SendStored(const Napi::CallbackInfo& info);
  Napi::Value ExpectBytes(const Napi::CallbackInfo& info);
  Napi::Value ExpectInFills(const Napi::CallbackInfo& info);
  Napi::Value Skip(const Napi::CallbackInfo& info);
  Napi::Value Withdraw(const Napi::CallbackInfo& info);
  Napi::Value End(const Napi::CallbackInfo& info);
  Napi::Value CloseConnection(const Napi::CallbackInfo& info);
  Napi::Value MovedBytes(const Napi::CallbackInfo& info);
  Napi::Value Stop(const Napi::CallbackInfo& info);
  void RemoveHook();

  std::shared_ptr<BulkContext> context_;
  Napi::FunctionReference on_event_;
  Napi::ObjectReference stopping_;
  napi_env env_;
  bool hooked_ = false;
};

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_BULK_WRAP_H_
