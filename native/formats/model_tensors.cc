// Reads outside of the lock, because it may wait; two threads may read the same header, and one of them keeps it.
#include "formats/model_tensors.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace holdfast {

namespace {

// A header that is longer than was asked for is read in growing steps; each step parses again from the start.
constexpr uint64_t kStepBytes = 64 << 10;

uint64_t LeftMs(uint64_t deadline_ms, std::chrono::steady_clock::time_point started) {
  if (deadline_ms == kNoDeadline) return deadline_ms;
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started).count();
  return deadline_ms - std::min(deadline_ms, static_cast<uint64_t>(spent));
}

}  // namespace

Status ModelTensors::Of(size_t file, uint64_t deadline_ms, const Directory** directory) {
  {
    MutexLock lock(&mutex_);
    *directory = &directories_[file];
    if ((*directory)->read) return (*directory)->status;
  }
  Directory found;
  Status status = Read(file, deadline_ms, &found);
  // The bytes of a file do not change: what is wrong with its header stays wrong.
  if (!status.ok() && !status.Is(code::kBadModelFile)) return status;
  found.status = status;
  found.read = true;
  MutexLock lock(&mutex_);
  if (!directories_[file].read) directories_[file] = std::move(found);
  return status;
}

Status ModelTensors::Find(std::string_view name, uint64_t deadline_ms, size_t* file, const TensorEntry** tensor) {
  const auto started = std::chrono::steady_clock::now();
  Status unreadable;
  for (*file = 0; *file < model_->files().size(); ++*file) {
    const Directory* directory = nullptr;
    Status status = Of(*file, LeftMs(deadline_ms, started), &directory);
    if (status.Is(code::kBadModelFile)) {
      if (unreadable.ok()) unreadable = std::move(status);
      continue;
    }
    if (!status.ok()) return status;
    const auto found = directory->by_name.find(name);
    if (found == directory->by_name.end()) continue;
    *tensor = &directory->tensors[found->second];
    return Status();
  }
  if (!unreadable.ok()) return unreadable;
  return Status::Error(code::kUnknownModel, "The model has no tensor " + Shown(name) + ".");
}

Status ModelTensors::Read(size_t index, uint64_t deadline_ms, Directory* directory) const {
  const OpenedFile& file = model_->files()[index];
  const auto started = std::chrono::steady_clock::now();
  uint64_t needed_bytes = 0;
  for (;;) {
    HeaderBytes bytes;
    bytes.file_bytes = file.size_bytes;
    bytes.size_bytes = std::min(needed_bytes, file.size_bytes);
    Status status = model_->WaitRange(file.blob, 0, bytes.size_bytes, LeftMs(deadline_ms, started), &bytes.data);
    if (!status.ok()) return status;
    uint64_t more_bytes = 0;
    status = ParseTensors(file.path, bytes, {}, &more_bytes, &directory->tensors);
    if (!status.ok()) return Status::Error(status.code(), file.path + ": " + status.message());
    if (more_bytes == 0) break;
    needed_bytes = more_bytes;
    // More than was asked for, where that is there already.
    const uint64_t step_bytes = std::min(file.size_bytes, std::max(2 * bytes.size_bytes, kStepBytes));
    const uint8_t* ignored;
    if (step_bytes > needed_bytes && model_->WaitRange(file.blob, 0, step_bytes, 0, &ignored).ok()) needed_bytes = step_bytes;
  }
  for (size_t i = 0; i < directory->tensors.size(); i++) directory->by_name.emplace(directory->tensors[i].name, i);
  return Status();
}

}  // namespace holdfast
