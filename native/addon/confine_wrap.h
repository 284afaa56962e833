// What child processes of the node give up, for JavaScript.
#ifndef HOLDFAST_ADDON_CONFINE_WRAP_H_
#define HOLDFAST_ADDON_CONFINE_WRAP_H_

#include <napi.h>

namespace holdfast::addon {

void DefineConfinement(Napi::Env env, Napi::Object exports);

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_CONFINE_WRAP_H_
