// What an environment (a Node process or worker thread) keeps of the addon.
#ifndef HOLDFAST_ADDON_ADDON_STATE_H_
#define HOLDFAST_ADDON_ADDON_STATE_H_

#include <napi.h>

#include <memory>

#include "file_wrap.h"

namespace holdfast::addon {

struct AddonState {
  Napi::FunctionReference fill;
  Napi::FunctionReference client;
  // Null until a call needs them.
  std::unique_ptr<FileThreads> files;
};

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_ADDON_STATE_H_
