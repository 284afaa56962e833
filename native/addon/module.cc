// The addon: converts between JavaScript and the core, and nothing else.
#include <napi.h>

#include "addon_state.h"
#include "client_wrap.h"
#include "store_wrap.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  using namespace holdfast::addon;
  auto* state = new AddonState();
  env.SetInstanceData<AddonState>(state);
  state->fill = Napi::Persistent(FillWrap::Define(env));
  state->client = Napi::Persistent(ClientWrap::Define(env));
  exports.Set("Store", StoreWrap::Define(env));
  exports.Set("connect", Napi::Function::New<Connect>(env, "connect"));
  exports.Set("closeModel", Napi::Function::New<CloseModel>(env, "closeModel"));
  return exports;
}

}  // namespace

NODE_API_MODULE(holdfast, Init)
