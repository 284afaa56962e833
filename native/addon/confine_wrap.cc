#include "confine_wrap.h"

#include "convert.h"
#include "os/confine.h"
#include "os/syscall_filter.h"

namespace holdfast::addon {

namespace {

Napi::Object ConfinementOf(Napi::Env env, const Confinement& confinement) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("systemCalls", confinement.system_calls);
  object.Set("filesAbi", confinement.files_abi);
  return object;
}

Napi::Value KernelHas(const Napi::CallbackInfo& info) { return ConfinementOf(info.Env(), KernelConfinement()); }

// (localSockets): false where the kernel has no filters.
Napi::Value FilterCalls(const Napi::CallbackInfo& info) {
  if (!SyscallFilterSupported()) return Napi::Boolean::New(info.Env(), false);
  ThrowUnlessOk(info.Env(), FilterSyscalls(info[0].ToBoolean()));
  return Napi::Boolean::New(info.Env(), true);
}

void LimitMemory(const Napi::CallbackInfo& info) { ThrowUnlessOk(info.Env(), LimitPrivateMemory(SizeFrom(info[0]))); }

}  // namespace

void DefineConfinement(Napi::Env env, Napi::Object exports) {
  exports.Set("kernelConfinement", Napi::Function::New<KernelHas>(env, "kernelConfinement"));
  exports.Set("filterSystemCalls", Napi::Function::New<FilterCalls>(env, "filterSystemCalls"));
  exports.Set("limitPrivateMemory", Napi::Function::New<LimitMemory>(env, "limitPrivateMemory"));
}

}  // namespace holdfast::addon
