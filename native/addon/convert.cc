#include "convert.h"

#include <cmath>

#include "wire/protocol.h"

namespace holdfast::addon {

namespace {

constexpr double kSafeIntegerMax = 9007199254740992.0;

[[noreturn]] void ThrowBadRequest(Napi::Env env, const std::string& message) {
  throw ErrorOf(env, Status::Error(code::kBadRequest, message));
}

Napi::Object ObjectFrom(const Napi::Value& value) {
  if (!value.IsObject()) ThrowBadRequest(value.Env(), "An object was expected");
  return value.As<Napi::Object>();
}

Napi::Array ArrayFrom(const Napi::Value& value) {
  if (!value.IsArray()) ThrowBadRequest(value.Env(), "An array was expected");
  return value.As<Napi::Array>();
}

}  // namespace

Napi::Error ErrorOf(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.message());
  Napi::Object details = Napi::Object::New(env);
  for (const auto& [name, value] : status.details()) details.Set(name, NumberOf(env, value));
  error.Set("code", Napi::String::New(env, status.code()));
  error.Set("details", details);
  return error;
}

void ThrowUnlessOk(Napi::Env env, const Status& status) {
  if (!status.ok()) throw ErrorOf(env, status);
}

Digest DigestFrom(const Napi::Value& value) {
  Digest digest;
  if (!value.IsString() || !Digest::FromHex(value.As<Napi::String>().Utf8Value(), &digest)) {
    ThrowBadRequest(value.Env(), "A sha256 of 64 lower-case hex digits was expected");
  }
  return digest;
}

std::string StringFrom(const Napi::Value& value) {
  if (!value.IsString()) ThrowBadRequest(value.Env(), "A string was expected");
  return value.As<Napi::String>().Utf8Value();
}

uint64_t SizeFrom(const Napi::Value& value) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= kSafeIntegerMax) || number != std::floor(number)) {
    ThrowBadRequest(value.Env(), "A whole number from 0 to 2^53 was expected");
  }
  return static_cast<uint64_t>(number);
}

Cut CutFrom(const Napi::Value& value) {
  const Napi::Array array = ArrayFrom(value);
  Cut cut;
  cut.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    cut.push_back(SizeFrom(array.Get(i)));
  }
  return cut;
}

std::unique_ptr<const BlobProof> BlobProofFrom(const Napi::Value& value) {
  if (value.IsNull()) return nullptr;
  const Napi::Object object = ObjectFrom(value);
  auto proof = std::make_unique<BlobProof>();
  proof->cut = CutFrom(object.Get("cut"));
  const Napi::Array chunks = ArrayFrom(object.Get("chunks"));
  proof->chunks.reserve(chunks.Length());
  for (uint32_t i = 0; i < chunks.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    proof->chunks.push_back(DigestFrom(chunks.Get(i)));
  }
  return proof;
}

std::vector<WantedBlob> WantedBlobsFrom(const Napi::Value& value) {
  const Napi::Array array = ArrayFrom(value);
  std::vector<WantedBlob> wanted;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Object blob = ObjectFrom(array.Get(i));
    wanted.push_back({DigestFrom(blob.Get("id")), DigestFrom(blob.Get("sha256")), CutFrom(blob.Get("cut"))});
  }
  return wanted;
}

std::vector<BlobMove> BlobMovesFrom(const Napi::Value& value) {
  const Napi::Array array = ArrayFrom(value);
  std::vector<BlobMove> moves;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Object move = ObjectFrom(array.Get(i));
    moves.push_back({DigestFrom(move.Get("from")), DigestFrom(move.Get("to"))});
  }
  return moves;
}

BlobSpec BlobSpecFrom(const Napi::Value& value) {
  const Napi::Object object = ObjectFrom(value);
  BlobSpec spec;
  spec.digest = DigestFrom(object.Get("id"));
  spec.size_bytes = SizeFrom(object.Get("sizeBytes"));
  const Napi::Array chunks = ArrayFrom(object.Get("chunks"));
  spec.chunks.reserve(chunks.Length());
  for (uint32_t i = 0; i < chunks.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Object chunk = ObjectFrom(chunks.Get(i));
    spec.chunks.push_back({DigestFrom(chunk.Get("sha256")), SizeFrom(chunk.Get("sizeBytes"))});
  }
  return spec;
}

Model ModelFrom(const Napi::Value& value) {
  const Napi::Object object = ObjectFrom(value);
  Model model;
  model.digest = StringFrom(object.Get("digest"));
  const Napi::Array files = ArrayFrom(object.Get("files"));
  model.files.reserve(files.Length());
  for (uint32_t i = 0; i < files.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Object entry = ObjectFrom(files.Get(i));
    ModelFile file;
    file.path = StringFrom(entry.Get("path"));
    file.id = DigestFrom(entry.Get("id"));
    file.sha256 = DigestFrom(entry.Get("sha256"));
    file.size_bytes = SizeFrom(entry.Get("sizeBytes"));
    model.files.push_back(std::move(file));
  }
  return model;
}

std::vector<std::string> StringsFrom(const Napi::Value& value) {
  const Napi::Array array = ArrayFrom(value);
  std::vector<std::string> strings;
  for (uint32_t i = 0; i < array.Length(); i++) strings.push_back(StringFrom(array.Get(i)));
  return strings;
}

std::vector<AccessRule> AccessRulesFrom(const Napi::Value& value) {
  const Napi::Array array = ArrayFrom(value);
  std::vector<AccessRule> rules;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Object object = ObjectFrom(array.Get(i));
    AccessRule rule;
    rule.tenant = StringFrom(object.Get("tenant"));
    const Napi::Array uids = ArrayFrom(object.Get("uids"));
    for (uint32_t j = 0; j < uids.Length(); j++) rule.uids.push_back(static_cast<uid_t>(SizeFrom(uids.Get(j))));
    const Napi::Array tokens = ArrayFrom(object.Get("tokenDigests"));
    for (uint32_t j = 0; j < tokens.Length(); j++) rule.token_digests.push_back(DigestFrom(tokens.Get(j)));
    rule.models = StringsFrom(object.Get("models"));
    rule.may_list = object.Get("mayList").ToBoolean();
    rule.hidden = StringsFrom(object.Get("hidden"));
    rule.for_anyone = object.Get("isForAnyone").ToBoolean();
    rules.push_back(std::move(rule));
  }
  return rules;
}

StoreOptions StoreOptionsFrom(const Napi::Value& value) {
  const Napi::Object object = ObjectFrom(value);
  StoreOptions options;
  options.server.socket_path = StringFrom(object.Get("socketPath"));
  options.server.connections_max = static_cast<uint32_t>(SizeFrom(object.Get("connectionsMax")));
  options.server.leases_per_connection_max = static_cast<uint32_t>(SizeFrom(object.Get("leasesPerConnectionMax")));
  const auto limit = [&](const char* name) {
    const Napi::Value value = object.Get(name);
    return value.IsUndefined() ? 0u : static_cast<uint32_t>(SizeFrom(value));
  };
  options.server.shares.per_process_max = limit("connectionsPerProcessMax");
  options.server.shares.per_user_max = limit("connectionsPerUserMax");
  options.server.greeting_timeout_ms = limit("greetingTimeoutMs");
  const Napi::Value name_space = object.Get("defaultNamespace");
  if (name_space.IsString()) options.server.default_namespace = StringFrom(name_space);
  const Napi::Value own_token = object.Get("ownTokenDigest");
  if (own_token.IsString()) options.server.own_token = std::make_shared<const Digest>(DigestFrom(own_token));
  const Napi::Value access = object.Get("accessRules");
  if (access.IsArray()) options.server.access = AccessRulesFrom(access);
  options.memory_limit_bytes = SizeFrom(object.Get("memoryLimitBytes"));
  const Napi::Value export_path = object.Get("exportPath");
  if (export_path.IsString()) options.export_path = StringFrom(export_path);
  options.large_pages = object.Get("largePages").ToBoolean();
  options.disk_path = StringFrom(object.Get("diskPath"));
  options.disk_limit_bytes = SizeFrom(object.Get("diskLimitBytes"));
  return options;
}

Napi::Number NumberOf(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

Napi::Number DeadlineOf(Napi::Env env, uint64_t deadline_ms) {
  return deadline_ms == kNoDeadline ? Napi::Number::New(env, INFINITY) : NumberOf(env, deadline_ms);
}

uint64_t DeadlineFrom(const Napi::Value& value) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : INFINITY;
  if (!(number < kSafeIntegerMax)) return kNoDeadline;
  return number > 0 ? static_cast<uint64_t>(std::ceil(number)) : 0;
}

Napi::Object BlobStateOf(Napi::Env env, const BlobState& state) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("id", state.id.ToHex());
  object.Set("sizeBytes", NumberOf(env, state.size_bytes));
  object.Set("inMemory", Napi::Boolean::New(env, state.in_memory));
  object.Set("onDisk", Napi::Boolean::New(env, state.on_disk));
  object.Set("leases", NumberOf(env, state.leases));
  return object;
}

Napi::Object ReattachedOf(Napi::Env env, const Reattached& reattached) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("id", reattached.id.ToHex());
  object.Set("sizeBytes", NumberOf(env, reattached.size_bytes));
  object.Set("error", reattached.status.ok() ? env.Null() : Napi::Value(ErrorOf(env, reattached.status).Value()));
  return object;
}

Napi::Object CountersOf(Napi::Env env, const StoreCounters& counters) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("memoryUsedBytes", NumberOf(env, counters.memory_used_bytes));
  object.Set("memoryLimitBytes", NumberOf(env, counters.memory_limit_bytes));
  object.Set("diskUsedBytes", NumberOf(env, counters.disk_used_bytes));
  object.Set("diskLimitBytes", NumberOf(env, counters.disk_limit_bytes));
  object.Set("segments", NumberOf(env, counters.segments));
  object.Set("leases", NumberOf(env, counters.leases));
  object.Set("connections", NumberOf(env, counters.connections));
  return object;
}

namespace {

Napi::Object PageUseOf(Napi::Env env, const PageUse& use) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("segments", NumberOf(env, use.segments));
  object.Set("bytes", NumberOf(env, use.bytes));
  return object;
}

}  // namespace

Napi::Object StatsOf(Napi::Env env, const StoreStats& stats) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("memoryUsedBytes", NumberOf(env, stats.memory_used_bytes));
  object.Set("memoryLimitBytes", NumberOf(env, stats.memory_limit_bytes));
  object.Set("diskUsedBytes", NumberOf(env, stats.disk_used_bytes));
  object.Set("diskLimitBytes", NumberOf(env, stats.disk_limit_bytes));
  object.Set("diskFailures", NumberOf(env, stats.disk_failures));
  object.Set("segments", NumberOf(env, stats.segments));
  object.Set("reservedPages", PageUseOf(env, stats.reserved_pages));
  object.Set("askedPages", PageUseOf(env, stats.asked_pages));
  object.Set("leases", NumberOf(env, stats.leases));
  object.Set("connections", NumberOf(env, stats.server.connections));
  object.Set("openHits", NumberOf(env, stats.server.open_hits));
  object.Set("openMisses", NumberOf(env, stats.server.open_misses));
  return object;
}

}  // namespace holdfast::addon
