// Invariant: the threads end before the environment does, and tell nobody anything afterwards.
#include "file_wrap.h"

#include <algorithm>
#include <climits>
#include <thread>
#include <utility>

#include "addon_state.h"
#include "convert.h"
#include "files/file_work.h"

namespace holdfast::addon {

namespace {

// As many as processors: threads that write to one file wait for each other, and the kernel lets them spin. Each may hold a buffer of a chunk.
constexpr int kThreadsMin = 2;
constexpr int kThreadsMax = 8;

void EndThreads(void* data) {
  auto* threads = static_cast<FileThreads*>(data);
  threads->pool->Shutdown();
  threads->dispatcher->Close(/*environment_ends=*/true);
}

FileThreads* ThreadsOf(Napi::Env env) {
  auto* state = env.GetInstanceData<AddonState>();
  if (state->files == nullptr) {
    const int count = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), kThreadsMin, kThreadsMax);
    state->files = std::make_unique<FileThreads>();
    state->files->dispatcher = Dispatcher::Create(env, "holdfast:files");
    state->files->pool = ThreadPool::Create(count);
    // Added after the thread-safe function, so that it runs before Node ends that one.
    napi_add_env_cleanup_hook(env, EndThreads, state->files.get());
  }
  return state->files.get();
}

Napi::Value Run(Napi::Env env, std::function<Outcome()> work, const std::vector<Napi::Object>& kept = {}) {
  FileThreads* threads = ThreadsOf(env);
  return RunOnPool(env, threads->dispatcher, threads->pool.get(), std::move(work), kept);
}

int DescriptorFrom(const Napi::Value& value) { return static_cast<int>(std::min<uint64_t>(SizeFrom(value), INT_MAX)); }

Napi::Uint8Array BytesFrom(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw ErrorOf(value.Env(), Status::Error(code::kBadRequest, "A Uint8Array was expected."));
  }
  return value.As<Napi::Uint8Array>();
}

FileRange RangeFrom(const Napi::Value& fd, const Napi::Value& offset_bytes, uint64_t size_bytes) {
  return {DescriptorFrom(fd), SizeFrom(offset_bytes), size_bytes};
}

FilePlace PlaceFrom(const Napi::CallbackInfo& info, size_t at) {
  return {DescriptorFrom(info[at]), SizeFrom(info[at + 1]), SizeFrom(info[at + 2])};
}

// Null for a range that the file does not have.
Outcome DigestOrNull(Status status, const Digest& digest, bool whole) {
  return {std::move(status), [digest, whole](Napi::Env env) -> Napi::Value {
            return whole ? Napi::Value(Napi::String::New(env, digest.ToHex())) : env.Null();
          }};
}

// (fd, offsetBytes, sizeBytes) -> hex or null
Napi::Value HashRangeOf(const Napi::CallbackInfo& info) {
  const FileRange range = RangeFrom(info[0], info[1], SizeFrom(info[2]));
  return Run(info.Env(), [range] {
    Digest digest;
    bool whole = false;
    Status status = HashRange(range, &digest, &whole);
    return DigestOrNull(std::move(status), digest, whole);
  });
}

// (bytes) -> hex
Napi::Value HashBytesOf(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = BytesFrom(info[0]);
  const uint8_t* data = bytes.Data();
  const size_t size_bytes = bytes.ByteLength();
  return Run(info.Env(), [data, size_bytes] { return DigestOrNull(Status(), DigestOf(data, size_bytes), true); }, {bytes});
}

// (fd, offsetBytes, target) -> hex or null
Napi::Value ReadHashedInto(const Napi::CallbackInfo& info) {
  Napi::Uint8Array bytes = BytesFrom(info[2]);
  uint8_t* data = bytes.Data();
  const FileRange range = RangeFrom(info[0], info[1], bytes.ByteLength());
  return Run(
      info.Env(),
      [data, range] {
        Digest digest;
        bool whole = false;
        Status status = ReadHashed(range, data, &digest, &whole);
        return DigestOrNull(std::move(status), digest, whole);
      },
      {bytes});
}

// (bytes, sha256, fd, offsetBytes, zerosFromBytes) -> boolean
Napi::Value WriteVerifiedBytes(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = BytesFrom(info[0]);
  const uint8_t* data = bytes.Data();
  const size_t size_bytes = bytes.ByteLength();
  const Digest digest = DigestFrom(info[1]);
  const FilePlace to = PlaceFrom(info, 2);
  return Run(
      info.Env(),
      [data, size_bytes, digest, to]() -> Outcome {
        bool good = false;
        Status status = WriteVerified(data, size_bytes, digest, to, &good);
        return {std::move(status), [good](Napi::Env env) { return Napi::Boolean::New(env, good); }};
      },
      {bytes});
}

// (fd, offsetBytes, sizeBytes, sha256, toFd, toOffsetBytes, zerosFromBytes) -> 'copied', 'short' or 'mismatch'
Napi::Value CopyVerifiedRange(const Napi::CallbackInfo& info) {
  const FileRange from = RangeFrom(info[0], info[1], SizeFrom(info[2]));
  const Digest digest = DigestFrom(info[3]);
  const FilePlace to = PlaceFrom(info, 4);
  return Run(info.Env(), [from, digest, to]() -> Outcome {
    CopyResult result = CopyResult::kShort;
    Status status = CopyVerified(from, digest, to, &result);
    const char* name = result == CopyResult::kCopied ? "copied" : result == CopyResult::kShort ? "short" : "mismatch";
    return {std::move(status), [name](Napi::Env env) { return Napi::String::New(env, name); }};
  });
}

}  // namespace

void DefineFileWork(Napi::Env env, Napi::Object exports) {
  exports.Set("hashRange", Napi::Function::New<HashRangeOf>(env, "hashRange"));
  exports.Set("hashBytes", Napi::Function::New<HashBytesOf>(env, "hashBytes"));
  exports.Set("readHashed", Napi::Function::New<ReadHashedInto>(env, "readHashed"));
  exports.Set("writeVerified", Napi::Function::New<WriteVerifiedBytes>(env, "writeVerified"));
  exports.Set("copyVerified", Napi::Function::New<CopyVerifiedRange>(env, "copyVerified"));
  exports.Set("FileHash", FileHashWrap::Define(env));
}

Napi::Function FileHashWrap::Define(Napi::Env env) {
  return DefineClass(env, "FileHash", {InstanceMethod<&FileHashWrap::Update>("update"), InstanceMethod<&FileHashWrap::Digest>("digest")});
}

FileHashWrap::FileHashWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FileHashWrap>(info) {}

Napi::Value FileHashWrap::Update(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = BytesFrom(info[0]);
  const uint8_t* data = bytes.Data();
  const size_t size_bytes = bytes.ByteLength();
  return Run(
      info.Env(),
      [hash = hash_, data, size_bytes]() -> Outcome {
        hash->Update(data, size_bytes);
        return {};
      },
      {bytes});
}

Napi::Value FileHashWrap::Digest(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), hash_->Final().ToHex());
}

}  // namespace holdfast::addon
