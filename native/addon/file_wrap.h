// Work on plain files, on threads of its own: usable in a process without a store.
#ifndef HOLDFAST_ADDON_FILE_WRAP_H_
#define HOLDFAST_ADDON_FILE_WRAP_H_

#include <napi.h>

#include <memory>

#include "dispatcher.h"
#include "os/sha256.h"
#include "os/thread_pool.h"

namespace holdfast::addon {

// Made by the first call of an environment, and ended with it.
struct FileThreads {
  std::shared_ptr<Dispatcher> dispatcher;
  std::unique_ptr<ThreadPool> pool;
};

// Adds hashRange, hashBytes, readHashed, writeVerified, copyVerified and FileHash to `exports`.
void DefineFileWork(Napi::Env env, Napi::Object exports);

// sha256 of bytes that come one after the other. One call at a time.
class FileHashWrap : public Napi::ObjectWrap<FileHashWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit FileHashWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value Update(const Napi::CallbackInfo& info);
  Napi::Value Digest(const Napi::CallbackInfo& info);

  const std::shared_ptr<Sha256> hash_ = std::make_shared<Sha256>();
};

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_FILE_WRAP_H_
