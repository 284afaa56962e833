// The session of a client process as a JavaScript class.
#ifndef HOLDFAST_ADDON_CLIENT_WRAP_H_
#define HOLDFAST_ADDON_CLIENT_WRAP_H_

#include <napi.h>

#include <memory>

#include "dispatcher.h"
#include "client/session.h"

namespace holdfast::addon {

// Connects without blocking; resolves to a Client: connect(socketPath, token, timeoutMs).
Napi::Value Connect(const Napi::CallbackInfo& info);

// Not collected before close(): its thread serves the leases of its models.
class ClientWrap : public Napi::ObjectWrap<ClientWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Object New(Napi::Env env, std::shared_ptr<Dispatcher> dispatcher, std::shared_ptr<Session> session);
  explicit ClientWrap(const Napi::CallbackInfo& info);
  ~ClientWrap() override;

 private:
  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value List(const Napi::CallbackInfo& info);
  Napi::Value GetStatus(const Napi::CallbackInfo& info);
  Napi::Value Reconnect(const Napi::CallbackInfo& info);
  Napi::Value IsConnected(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  static void StopClient(void* data);

  std::shared_ptr<Dispatcher> dispatcher_;
  std::shared_ptr<Session> session_;
  napi_env env_;
  bool open_ = true;
};

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_CLIENT_WRAP_H_
