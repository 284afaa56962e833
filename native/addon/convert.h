// Between JavaScript values and those of the core.
#ifndef HOLDFAST_ADDON_CONVERT_H_
#define HOLDFAST_ADDON_CONVERT_H_

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "os/digest.h"
#include "memory/fill.h"
#include "os/status.h"
#include "memory/store.h"

namespace holdfast::addon {

// An Error with `code` and `details`; native/index.ts makes a HoldfastError of it.
Napi::Error ErrorOf(Napi::Env env, const Status& status);
void ThrowUnlessOk(Napi::Env env, const Status& status);

// These throw BAD_REQUEST when the value is not what the caller promised.
Digest DigestFrom(const Napi::Value& value);
std::string StringFrom(const Napi::Value& value);
// A whole number from 0 to 2^53.
uint64_t SizeFrom(const Napi::Value& value);
Cut CutFrom(const Napi::Value& value);
// Null of null.
std::unique_ptr<const BlobProof> BlobProofFrom(const Napi::Value& value);
std::vector<WantedBlob> WantedBlobsFrom(const Napi::Value& value);
std::vector<BlobMove> BlobMovesFrom(const Napi::Value& value);
BlobSpec BlobSpecFrom(const Napi::Value& value);
Model ModelFrom(const Napi::Value& value);
std::vector<std::string> StringsFrom(const Napi::Value& value);
std::vector<AccessRule> AccessRulesFrom(const Napi::Value& value);
StoreOptions StoreOptionsFrom(const Napi::Value& value);

Napi::Number NumberOf(Napi::Env env, uint64_t value);
// Infinity for "as long as it takes", and back.
Napi::Number DeadlineOf(Napi::Env env, uint64_t deadline_ms);
uint64_t DeadlineFrom(const Napi::Value& value);
Napi::Object BlobStateOf(Napi::Env env, const BlobState& state);
Napi::Object ReattachedOf(Napi::Env env, const Reattached& reattached);
Napi::Object CountersOf(Napi::Env env, const StoreCounters& counters);
Napi::Object StatsOf(Napi::Env env, const StoreStats& stats);

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_CONVERT_H_
