// The addon: converts between JavaScript and the core, and nothing else.
#include <napi.h>

#include "addon_state.h"
#include "bulk_wrap.h"
#include "client_wrap.h"
#include "confine_wrap.h"
#include "convert.h"
#include "file_wrap.h"
#include "os/crash_points.h"
#include "os/service_notify.h"
#include "lease.h"
#include "store_wrap.h"

namespace {

void NotifyServiceManager(const Napi::CallbackInfo& info) {
  using namespace holdfast::addon;
  ThrowUnlessOk(info.Env(), holdfast::NotifyService(StringFrom(info[0]), StringFrom(info[1])));
}

Napi::Value CrashPoints(const Napi::CallbackInfo& info) {
  const auto& names = holdfast::CrashPointNames();
  Napi::Array array = Napi::Array::New(info.Env(), names.size());
  for (uint32_t i = 0; i < names.size(); i++) array.Set(i, std::string(names[i]));
  return array;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  using namespace holdfast::addon;
  auto* state = new AddonState();
  env.SetInstanceData<AddonState>(state);
  state->fill = Napi::Persistent(FillWrap::Define(env));
  state->client = Napi::Persistent(ClientWrap::Define(env));
  exports.Set("Store", StoreWrap::Define(env));
  exports.Set("BulkEngine", BulkWrap::Define(env));
  exports.Set("connect", Napi::Function::New<Connect>(env, "connect"));
  exports.Set("notifyService", Napi::Function::New<NotifyServiceManager>(env, "notifyService"));
  exports.Set("crashPoints", Napi::Function::New<CrashPoints>(env, "crashPoints"));
  exports.Set("closeModel", Napi::Function::New<CloseModel>(env, "closeModel"));
  exports.Set("viewOf", Napi::Function::New<ViewOf>(env, "viewOf"));
  exports.Set("waitRange", Napi::Function::New<WaitRange>(env, "waitRange"));
  exports.Set("tensorsOf", Napi::Function::New<TensorsOf>(env, "tensorsOf"));
  exports.Set("readTensors", Napi::Function::New<ReadTensors>(env, "readTensors"));
  exports.Set("findTensor", Napi::Function::New<FindTensor>(env, "findTensor"));
  DefineConfinement(env, exports);
  DefineFileWork(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(holdfast, Init)
