// Invariants: client_ is the latest connection; an older one has ended. models_ holds every model that was opened here and not closed;
// a model takes itself out under mutex_ before it unmaps, so that a thread that finds it there under the lock may use it. The thread of the
// session exists from Connect to Close and only works after a connection has ended with models open.
//
// Lock order: connecting_, then mutex_.
#include "client/session.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_map>
#include <utility>

#include "os/mutex.h"

namespace holdfast {

namespace {

// A store that restarts needs seconds; one that does not come back costs a system call every two.
constexpr std::chrono::milliseconds kRetryMin{50};
constexpr std::chrono::milliseconds kRetryMax{2000};

class SessionModel;

// Shared by the session and its models, whichever lives longer.
struct Registry {
  Mutex mutex;
  uint64_t last_id GUARDED_BY(mutex) = 0;
  std::unordered_map<uint64_t, SessionModel*> models GUARDED_BY(mutex);
};

// How a model was asked for.
struct Origin {
  std::string name;
  std::string tenant;
};

// A model as the session hands it out.
class SessionModel final : public OpenedModel {
 public:
  SessionModel(std::shared_ptr<Registry> registry, Origin origin, std::unique_ptr<OpenedModel> model)
      : registry_(std::move(registry)), origin_(std::move(origin)), model_(std::move(model)) {
    MutexLock lock(&registry_->mutex);
    id_ = ++registry_->last_id;
    registry_->models.emplace(id_, this);
  }

  ~SessionModel() override {
    MutexLock lock(&registry_->mutex);
    registry_->models.erase(id_);
  }

  const std::string& digest() const override { return model_->digest(); }
  const std::vector<OpenedFile>& files() const override { return model_->files(); }
  size_t blob_count() const override { return model_->blob_count(); }
  MappedBlob blob(size_t index) const override { return model_->blob(index); }
  Status WaitRange(size_t index, uint64_t offset_bytes, uint64_t size_bytes, uint64_t deadline_ms,
                   const uint8_t** data) const override {
    return model_->WaitRange(index, offset_bytes, size_bytes, deadline_ms, data);
  }
  uint64_t ready_bytes(size_t index) const override { return model_->ready_bytes(index); }
  std::vector<HeldSegment> Held() const override { return model_->Held(); }
  int blob_fd(size_t index) const override { return model_->blob_fd(index); }

  // What a store that came back is asked for. Without anything held there is nothing to offer, and no reason to pin anything.
  OpenRequest Return() const {
    OpenRequest request;
    request.name = origin_.name;
    request.tenant = origin_.tenant;
    request.digest = model_->digest();
    request.held = model_->Held();
    // What one frame can carry; the store brings the rest in by itself.
    if (request.held.size() > kFdsPerFrameMax) request.held.resize(kFdsPerFrameMax);
    return request;
  }

  // The new store's lease on the same bytes; ends with this model. The caller holds the registry's lock.
  void Keep(std::unique_ptr<OpenedModel> renewed) { renewed_ = std::move(renewed); }

 private:
  const std::shared_ptr<Registry> registry_;
  const Origin origin_;
  const std::unique_ptr<OpenedModel> model_;
  std::unique_ptr<OpenedModel> renewed_;
  uint64_t id_ = 0;
};

class SessionImpl final : public Session {
 public:
  explicit SessionImpl(const SessionOptions& options) : options_(options) {}

  ~SessionImpl() override { Close(); }

  Status Init() {
    std::shared_ptr<Client> client;
    Status status = Reconnect(&client);
    if (!status.ok()) return status;
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "holdfast-return");
    return Status();
  }

  void Open(OpenRequest request, Client::OnOpened done) override {
    if (request.tenant.empty()) request.tenant = options_.tenant;
    std::shared_ptr<Client> client;
    Status status = Reconnect(&client);
    if (!status.ok()) return done(std::move(status), nullptr);
    Origin origin{request.name, request.tenant};
    client->Open(std::move(request), [registry = registry_, origin = std::move(origin), done = std::move(done)](
                                         Status opened, std::unique_ptr<OpenedModel> model) {
      if (!opened.ok()) return done(std::move(opened), nullptr);
      done(Status(), std::make_unique<SessionModel>(registry, origin, std::move(model)));
    });
  }

  Status EnsureConnected() override {
    std::shared_ptr<Client> client;
    return Reconnect(&client);
  }

  void GetStatus(uint64_t deadline_ms, Client::OnStatus done) override {
    std::shared_ptr<Client> client;
    Status status = Reconnect(&client);
    if (!status.ok()) return done(std::move(status), {});
    client->GetStatus(deadline_ms, std::move(done));
  }

  void List(const std::string& after, uint64_t deadline_ms, Client::OnNames done) override {
    std::shared_ptr<Client> client;
    Status status = Reconnect(&client);
    if (!status.ok()) return done(std::move(status), {}, "");
    client->List(after, deadline_ms, std::move(done));
  }

  bool connected() const override {
    MutexLock lock(&mutex_);
    return !closed_ && client_ != nullptr && client_->connected();
  }

  void Close() override {
    std::shared_ptr<Client> client;
    {
      MutexLock lock(&mutex_);
      closed_ = true;
      client = client_;
      changed_.NotifyAll();
    }
    if (client != nullptr) client->Close();
    MutexLock ending(&ending_);
    if (thread_.joinable()) thread_.join();
    // One that was made while this closed.
    MutexLock connecting(&connecting_);
    {
      MutexLock lock(&mutex_);
      client = client_;
    }
    if (client != nullptr) client->Close();
  }

 private:
  static Status Closed() { return Status::Error(code::kStoreUnreachable, "The connection was closed; connect again."); }

  // The connection, made anew when it has ended.
  Status Reconnect(std::shared_ptr<Client>* client) {
    {
      MutexLock lock(&mutex_);
      if (closed_) return Closed();
      *client = client_;
    }
    if (*client != nullptr && (*client)->connected()) return Status();
    MutexLock connecting(&connecting_);
    {
      MutexLock lock(&mutex_);
      if (closed_) return Closed();
      *client = client_;
    }
    // Another thread may have been faster.
    if (*client != nullptr && (*client)->connected()) return Status();
    Status status = Client::Connect(options_.socket_path, options_.token, options_.timeout_ms, [this] { OnEnd(); }, client);
    if (!status.ok()) return status;
    // The one before has ended: closing it only joins its thread.
    std::shared_ptr<Client> former;
    {
      MutexLock lock(&mutex_);
      former = std::exchange(client_, *client);
    }
    if (former == nullptr) return Status();
    former->Close();
    OfferModels(client->get());
    return Status();
  }

  void OnEnd() {
    MutexLock lock(&mutex_);
    ended_ = true;
    changed_.NotifyAll();
  }

  void Run() {
    auto patience = kRetryMin;
    for (;;) {
      {
        MutexLock lock(&mutex_);
        while (!ended_ && !closed_) changed_.Wait(&mutex_);
        if (closed_) return;
        ended_ = false;
      }
      while (HasModels()) {
        std::shared_ptr<Client> client;
        if (Reconnect(&client).ok()) break;
        MutexLock lock(&mutex_);
        if (closed_) return;
        changed_.WaitFor(&mutex_, patience);
        patience = std::min(patience * 2, kRetryMax);
      }
      patience = kRetryMin;
    }
  }

  bool HasModels() {
    MutexLock lock(&registry_->mutex);
    return !registry_->models.empty();
  }

  void OfferModels(Client* client) {
    std::vector<std::pair<uint64_t, OpenRequest>> offers;
    {
      MutexLock lock(&registry_->mutex);
      for (const auto& [id, model] : registry_->models) offers.emplace_back(id, model->Return());
    }
    for (auto& [id, request] : offers) {
      if (request.held.empty()) continue;
      client->Open(std::move(request), [registry = registry_, id = id](Status status, std::unique_ptr<OpenedModel> renewed) {
        // A store that does not want the memory back lets its owner keep it.
        if (!status.ok()) return;
        MutexLock lock(&registry->mutex);
        const auto found = registry->models.find(id);
        if (found != registry->models.end()) found->second->Keep(std::move(renewed));
      });
    }
  }

  const SessionOptions options_;
  const std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
  // One thread at a time connects.
  Mutex connecting_;
  // One thread at a time joins the other.
  Mutex ending_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool closed_ GUARDED_BY(mutex_) = false;
  // A connection has ended, and the thread has not looked yet.
  bool ended_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<Client> client_ GUARDED_BY(mutex_);
  // Last: uses all of the above.
  std::thread thread_;
};

}  // namespace

Status Session::Connect(const SessionOptions& options, std::shared_ptr<Session>* session) {
  auto made = std::make_shared<SessionImpl>(options);
  Status status = made->Init();
  if (status.ok()) *session = std::move(made);
  return status;
}

}  // namespace holdfast
