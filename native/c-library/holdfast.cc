// The C interface (include/holdfast/holdfast.h): converts arguments, keeps each thread's last error, and lets no exception out. The work
// is done by the client core.
#include "holdfast/holdfast.h"

#include <sys/mman.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <unordered_map>

#include "formats/model_tensors.h"
#include "client/session.h"

using holdfast::Client;
using holdfast::ModelTensors;
using holdfast::OpenedFile;
using holdfast::OpenedModel;
using holdfast::OpenRequest;
using holdfast::Session;
using holdfast::SessionOptions;
using holdfast::Status;
using holdfast::TensorEntry;
namespace code = holdfast::code;

struct holdfast_connection {
  std::shared_ptr<Session> session;
};

struct holdfast_model {
  std::unique_ptr<OpenedModel> model;
  std::vector<std::string> digests;
  std::unordered_map<std::string_view, size_t> by_path;
  // After the model that it reads. Its own lock makes it usable through a const model.
  mutable std::optional<holdfast::ModelTensors> tensors;
};

namespace {

// Fixed, because a thread that is out of memory has to be able to say so.
struct LastError {
  char code[64];
  char message[1024];
};
thread_local LastError last_error = {"", ""};

void CopyText(char* target, size_t size, std::string_view text) {
  const size_t count = std::min(size - 1, text.size());
  std::memcpy(target, text.data(), count);
  target[count] = '\0';
}

int Say(std::string_view error_code, std::string_view message) {
  CopyText(last_error.code, sizeof last_error.code, error_code);
  CopyText(last_error.message, sizeof last_error.message, message);
  return -1;
}

int ResultOf(const Status& status) { return status.ok() ? 0 : Say(status.code(), status.message()); }

// Runs the body of a call. Only memory can run out here: everything else is a Status.
template <typename Body>
int Guarded(Body body) noexcept {
  try {
    return ResultOf(body());
  } catch (const std::bad_alloc&) {
    return Say(code::kSystem, "The process has no memory left");
  } catch (...) {
    return Say(code::kSystem, "A call failed inside the library");
  }
}

uint64_t DeadlineOf(int64_t deadline_ms) {
  return deadline_ms < 0 ? holdfast::kNoDeadline : static_cast<uint64_t>(deadline_ms);
}

Status NoFile(const holdfast_model* model, size_t index) {
  return Status::Error(code::kBadRequest, "The model has " + std::to_string(model->digests.size()) + " files, not one of index " +
                                              std::to_string(index) + ".");
}

// Waits for a call that calls back, on whatever thread.
template <typename Result>
class Waiting {
 public:
  void Set(Status status, Result result) {
    // Under the lock: the waiter's stack goes as soon as it may return.
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = std::move(status);
    result_ = std::move(result);
    done_ = true;
    changed_.notify_all();
  }

  Status Take(Result* result) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
    *result = std::move(result_);
    return std::move(status_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  Status status_;
  Result result_{};
};

Status DirectoryOf(const holdfast_model* model, size_t index, int64_t deadline_ms, const ModelTensors::Directory** directory) {
  if (index >= model->digests.size()) return NoFile(model, index);
  return model->tensors->Of(index, DeadlineOf(deadline_ms), directory);
}

holdfast_tensor TensorOf(const TensorEntry& entry, size_t file) {
  return {entry.name.c_str(), entry.dtype.c_str(), entry.shape.data(), static_cast<uint32_t>(entry.shape.size()),
          file, entry.offset_bytes, entry.size_bytes};
}

Status WaitRange(const holdfast_model* model, size_t index, uint64_t offset_bytes, uint64_t size_bytes, int64_t deadline_ms,
                 const uint8_t** data) {
  if (index >= model->digests.size()) return NoFile(model, index);
  return model->model->WaitRange(model->model->files()[index].blob, offset_bytes, size_bytes, DeadlineOf(deadline_ms), data);
}

Status MapPrivate(const holdfast_model* model, size_t index, int64_t deadline_ms, void** data, uint64_t* size_bytes) {
  if (index >= model->digests.size()) return NoFile(model, index);
  const OpenedFile& file = model->model->files()[index];
  const uint8_t* shared = nullptr;
  Status status = WaitRange(model, index, 0, file.size_bytes, deadline_ms, &shared);
  if (!status.ok()) return status;
  void* map = nullptr;
  if (file.size_bytes > 0) {
    const int fd = model->model->blob_fd(file.blob);
    map = mmap(nullptr, file.size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (map == MAP_FAILED) return Status::Errno(code::kSystem, "Cannot map a private copy", errno);
    // Without a descriptor it is small, one of very many, or of reserved large pages: then it is a copy.
    if (fd < 0) std::memcpy(map, shared, file.size_bytes);
  }
  *data = map;
  *size_bytes = file.size_bytes;
  return Status();
}

}  // namespace

uint32_t holdfast_api_version(void) { return HOLDFAST_API_VERSION; }
const char* holdfast_error_code(void) { return last_error.code; }
const char* holdfast_error_message(void) { return last_error.message; }

int holdfast_connect(const char* socket_path, const char* tenant, const char* token, int64_t deadline_ms,
                     holdfast_connection** connection) {
  return Guarded([&] {
    SessionOptions options;
    if (socket_path != nullptr) {
      options.socket_path = socket_path;
    } else {
      Status status = holdfast::FindSocket(&options.socket_path);
      if (!status.ok()) return status;
    }
    if (tenant != nullptr) options.tenant = tenant;
    if (token == nullptr) token = getenv("HOLDFAST_STORE_TOKEN");
    if (token != nullptr) options.token = token;
    options.timeout_ms = deadline_ms < 0 || deadline_ms > INT32_MAX ? -1 : static_cast<int>(deadline_ms);
    auto made = std::make_unique<holdfast_connection>();
    Status status = Session::Connect(options, &made->session);
    if (status.ok()) *connection = made.release();
    return status;
  });
}

void holdfast_disconnect(holdfast_connection* connection) {
  if (connection == nullptr) return;
  connection->session->Close();
  delete connection;
}

int holdfast_status(holdfast_connection* connection, int64_t deadline_ms, holdfast_store_status* status) {
  return Guarded([&] {
    auto waiting = std::make_shared<Waiting<holdfast::StoreCounters>>();
    connection->session->GetStatus(DeadlineOf(deadline_ms), [waiting](Status result, const holdfast::StoreCounters& counters) {
      waiting->Set(std::move(result), counters);
    });
    holdfast::StoreCounters counters;
    Status result = waiting->Take(&counters);
    if (!result.ok()) return result;
    *status = {counters.memory_used_bytes, counters.memory_limit_bytes, counters.disk_used_bytes, counters.disk_limit_bytes,
               counters.segments, counters.leases, counters.connections};
    return result;
  });
}

int holdfast_open(holdfast_connection* connection, const char* name, uint32_t flags, int64_t deadline_ms, holdfast_model** model) {
  return Guarded([&] {
    if (name == nullptr || (flags & ~HOLDFAST_OPEN_COMPLETE) != 0) {
      return Status::Error(code::kBadRequest, "holdfast_open needs a name and knows no other flag than HOLDFAST_OPEN_COMPLETE.");
    }
    OpenRequest request;
    request.name = name;
    request.deadline_ms = DeadlineOf(deadline_ms);
    request.arriving = (flags & HOLDFAST_OPEN_COMPLETE) == 0;
    request.caller_waits = true;
    auto waiting = std::make_shared<Waiting<std::unique_ptr<OpenedModel>>>();
    connection->session->Open(std::move(request), [waiting](Status status, std::unique_ptr<OpenedModel> opened) {
      waiting->Set(std::move(status), std::move(opened));
    });
    auto made = std::make_unique<holdfast_model>();
    Status status = waiting->Take(&made->model);
    if (!status.ok()) return status;
    const std::vector<OpenedFile>& files = made->model->files();
    made->digests.reserve(files.size());
    for (size_t i = 0; i < files.size(); i++) {
      made->digests.push_back(files[i].sha256.ToHex());
      made->by_path.emplace(files[i].path, i);
    }
    made->tensors.emplace(made->model.get());
    *model = made.release();
    return status;
  });
}

void holdfast_close(holdfast_model* model) { delete model; }

const char* holdfast_model_digest(const holdfast_model* model) { return model->model->digest().c_str(); }

size_t holdfast_file_count(const holdfast_model* model) { return model->digests.size(); }

int holdfast_file_at(const holdfast_model* model, size_t index, holdfast_file* file) {
  return Guarded([&] {
    if (index >= model->digests.size()) return NoFile(model, index);
    const OpenedFile& found = model->model->files()[index];
    *file = {found.path.c_str(), model->digests[index].c_str(), found.size_bytes};
    return Status();
  });
}

int holdfast_file_find(const holdfast_model* model, const char* path, size_t* index) {
  return Guarded([&] {
    const auto found = model->by_path.find(path);
    if (found == model->by_path.end()) return Status::Error(code::kUnknownModel, std::string("The model has no file ") + path + ".");
    *index = found->second;
    return Status();
  });
}

int holdfast_file_ready(const holdfast_model* model, size_t index, uint64_t* ready_bytes) {
  return Guarded([&] {
    if (index >= model->digests.size()) return NoFile(model, index);
    *ready_bytes = model->model->ready_bytes(model->model->files()[index].blob);
    return Status();
  });
}

int holdfast_wait_range(const holdfast_model* model, size_t index, uint64_t offset_bytes, uint64_t size_bytes, int64_t deadline_ms,
                        const void** data) {
  return Guarded([&] {
    const uint8_t* found = nullptr;
    Status status = WaitRange(model, index, offset_bytes, size_bytes, deadline_ms, &found);
    if (status.ok() && data != nullptr) *data = found;
    return status;
  });
}

int holdfast_file_data(const holdfast_model* model, size_t index, int64_t deadline_ms, const void** data, uint64_t* size_bytes) {
  return Guarded([&] {
    if (index >= model->digests.size()) return NoFile(model, index);
    const uint8_t* found = nullptr;
    const uint64_t whole_bytes = model->model->files()[index].size_bytes;
    Status status = WaitRange(model, index, 0, whole_bytes, deadline_ms, &found);
    if (!status.ok()) return status;
    *data = found;
    *size_bytes = whole_bytes;
    return status;
  });
}

int holdfast_map_private(const holdfast_model* model, size_t index, int64_t deadline_ms, void** data, uint64_t* size_bytes) {
  return Guarded([&] { return MapPrivate(model, index, deadline_ms, data, size_bytes); });
}

void holdfast_unmap_private(void* data, uint64_t size_bytes) {
  if (data != nullptr) munmap(data, size_bytes);
}

int holdfast_tensor_count(const holdfast_model* model, size_t file, int64_t deadline_ms, size_t* count) {
  return Guarded([&] {
    const ModelTensors::Directory* directory = nullptr;
    Status status = DirectoryOf(model, file, deadline_ms, &directory);
    if (status.ok()) *count = directory->tensors.size();
    return status;
  });
}

int holdfast_tensor_at(const holdfast_model* model, size_t file, size_t index, int64_t deadline_ms, holdfast_tensor* tensor) {
  return Guarded([&] {
    const ModelTensors::Directory* directory = nullptr;
    Status status = DirectoryOf(model, file, deadline_ms, &directory);
    if (!status.ok()) return status;
    if (index >= directory->tensors.size()) {
      return Status::Error(code::kBadRequest, "The file has " + std::to_string(directory->tensors.size()) + " tensors.");
    }
    *tensor = TensorOf(directory->tensors[index], file);
    return status;
  });
}

int holdfast_tensor_find(const holdfast_model* model, const char* name, int64_t deadline_ms, holdfast_tensor* tensor) {
  return Guarded([&] {
    size_t file = 0;
    const TensorEntry* found = nullptr;
    Status status = model->tensors->Find(name, DeadlineOf(deadline_ms), &file, &found);
    if (status.ok()) *tensor = TensorOf(*found, file);
    return status;
  });
}

int holdfast_tensor_data(const holdfast_model* model, const holdfast_tensor* tensor, int64_t deadline_ms, const void** data) {
  return holdfast_wait_range(model, tensor->file, tensor->offset_bytes, tensor->size_bytes, deadline_ms, data);
}
