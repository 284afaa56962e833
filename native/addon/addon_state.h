// What an environment (a Node process or worker thread) keeps of the addon.
#ifndef HOLDFAST_ADDON_ADDON_STATE_H_
#define HOLDFAST_ADDON_ADDON_STATE_H_

#include <napi.h>

namespace holdfast::addon {

struct AddonState {
  Napi::FunctionReference fill;
  Napi::FunctionReference client;
};

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_ADDON_STATE_H_
