// An addon of the bench, loaded by Node so that the OpenSSL which it measures is Node's own:
//   limit(keyBytes, sizeBytes, cores) -> [tcp, seal, open, sha256, first touch], in seconds of processor time per byte
#include "limit.h"

#include <node_api.h>

namespace {

napi_value Limit(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value given[3];
  double numbers[3];
  Require(napi_get_cb_info(env, info, &count, given, nullptr, nullptr) == napi_ok && count == 3, "limit");
  for (size_t i = 0; i < 3; ++i) Require(napi_get_value_double(env, given[i], &numbers[i]) == napi_ok, "limit");
  const size_t key_bytes = static_cast<size_t>(numbers[0]);
  const size_t size_bytes = static_cast<size_t>(numbers[1]);
  const size_t cores = static_cast<size_t>(numbers[2]);
  const double tcp = TcpSecondsPerByte(size_bytes, cores);
  const SealAndOpen aes = AesGcmSecondsPerByte(key_bytes, size_bytes, cores);
  const double parts[] = {tcp, aes.seal, aes.open, Sha256SecondsPerByte(size_bytes, cores),
                          FirstTouchSecondsPerByte(size_bytes, cores)};
  napi_value list;
  Require(napi_create_array(env, &list) == napi_ok, "limit");
  for (uint32_t i = 0; i < std::size(parts); ++i) {
    napi_value number;
    Require(napi_create_double(env, parts[i], &number) == napi_ok, "limit");
    Require(napi_set_element(env, list, i, number) == napi_ok, "limit");
  }
  return list;
}

}  // namespace

extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value) {
  napi_value function;
  Require(napi_create_function(env, "limit", NAPI_AUTO_LENGTH, Limit, nullptr, &function) == napi_ok, "limit");
  return function;
}
