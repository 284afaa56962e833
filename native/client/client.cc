// Invariants: pending_ holds every open that has not been answered; the thread that takes an entry out calls its `done`. An answer to a
// request that is not pending any more (its deadline passed while the answer was on its way) is assembled all the same and
// then dropped, which ends its lease. Frames are received under receiving_, which is taken before mutex_.
//
// Receiving: the opening thread itself waits for a moment, if nothing else is pending, else the client's thread. A store answers a
// hit within some 30 us, and handing the answer from one thread to another costs as much again. So that the two do not
// wake up for the same frame, the client's thread listens only while Listens() says so; the end of the connection wakes it
// in any case.
#include "client/client.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "client/client_link.h"
#include "os/mutex.h"
#include "wire/protocol.h"
#include "client/model_assembly.h"
#include "os/socket_io.h"

namespace holdfast {

namespace {

using Clock = std::chrono::steady_clock;

// Further off than this is as good as never, and would overflow the clock.
constexpr uint64_t kDeadlineMsMax = uint64_t{1} << 40;

// How long an opening thread waits for the answer itself. Beyond a slow hit; short beside one turn of an event loop.
constexpr uint64_t kHitWaitUs = 200;
// The same of a thread that would wait anyway: on a busy machine an answer may take milliseconds, and handing it over as long again.
constexpr uint64_t kCallerWaitUs = 20'000;

// Receives one frame; tries again after ECONNRESET, which hides what the store said before it closed.
int Receive(int fd, std::vector<uint8_t>* buffer, size_t* size_bytes, std::vector<UniqueFd>* fds) {
  int error = ReceiveFrame(fd, buffer, size_bytes, fds);
  if (error == ECONNRESET) error = ReceiveFrame(fd, buffer, size_bytes, fds);
  return error;
}

Status ErrorOf(FrameReader* frame) {
  const std::string code(frame->Str());
  const std::string message(frame->Str());
  if (!frame->AtEnd() || code.empty()) return Status::Error(code::kStoreProtocol, "The store sent a malformed error.");
  return Status::Error(code, message);
}

class ClientImpl final : public Client {
 public:
  ClientImpl(std::shared_ptr<ClientLink> link, std::function<void()> on_end)
      : link_(std::move(link)), on_end_(std::move(on_end)) {}

  ~ClientImpl() override { Close(); }

  Status Greet(const std::string& token, int timeout_ms) {
    MutexLock lock(&receiving_);
    size_t size_bytes = 0;
    Status status = Exchange(HelloFrame(kOldestVersion, kNewestVersion), timeout_ms, &size_bytes);
    if (!status.ok()) return status;
    FrameReader frame(buffer_.data(), size_bytes);
    if (frame.ok() && frame.type() == FrameType::kError) return ErrorOf(&frame);
    const uint16_t version = frame.U16();
    if (!frame.ok() || frame.type() != FrameType::kWelcome || version < kOldestVersion || version > kNewestVersion) {
      return Status::Error(code::kStoreProtocol, "The store did not answer the greeting as versions 1 and 2 do.");
    }
    link_->set_version(version);
    if (token.empty() || version < 2) return Status();
    if (token.size() > kTokenBytesMax) return Status::Error(code::kUnauthorized, "A token has at most 512 characters.");
    status = Exchange(FrameWriter(FrameType::kAuth, 0).Str(token).Take(), timeout_ms, &size_bytes);
    if (!status.ok()) return status;
    FrameReader answer(buffer_.data(), size_bytes);
    if (answer.ok() && answer.type() == FrameType::kError) return ErrorOf(&answer);
    if (answer.ok() && answer.type() == FrameType::kAccepted) return Status();
    return Status::Error(code::kStoreProtocol, "The store did not answer the token.");
  }

  void Start() {
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "holdfast-client");
  }

  void Open(OpenRequest request, OnOpened done) override {
    if (request.name.size() > kNameBytesMax || request.tenant.size() > kTenantBytesMax) {
      return done(Status::Error(code::kBadModelName, "A name has at most 512, a tenant at most 128 characters."), nullptr);
    }
    const bool reattaches = !request.held.empty() && link_->version() >= 2;
    const uint64_t deadline_us = request.deadline_ms < kDeadlineMsMax ? request.deadline_ms * 1000 : UINT64_MAX;
    // Also without any time left: what is there is there.
    const uint64_t patience_us = request.caller_waits ? std::clamp(deadline_us, kHitWaitUs, kCallerWaitUs) : kHitWaitUs;
    std::vector<UniqueFd> fds;
    for (size_t i = 0; reattaches && i < request.held.size(); i++) fds.push_back(std::move(request.held[i].fd));
    Ask([&](uint32_t number) { return reattaches ? ReattachFrame(request, number) : OpenFrame(request, number); }, std::move(fds),
        request.deadline_ms,
        [done = std::move(done)](Status status, FrameReader*, std::unique_ptr<OpenedModel> model) {
          done(std::move(status), std::move(model));
        },
        FrameType::kModel, patience_us);
  }

  void GetStatus(uint64_t deadline_ms, OnStatus done) override {
    AskNew(FrameType::kStatus, "", deadline_ms, [done = std::move(done)](Status status, FrameReader* frame) {
      StoreCounters counters;
      if (status.ok() && !ReadCounters(frame, &counters)) status = Malformed();
      done(std::move(status), counters);
    });
  }

  void List(const std::string& after, uint64_t deadline_ms, OnNames done) override {
    AskNew(FrameType::kList, after, deadline_ms, [done = std::move(done)](Status status, FrameReader* frame) {
      std::vector<std::string> names;
      std::string next;
      if (status.ok()) {
        const uint32_t count = frame->U32();
        for (uint32_t i = 0; i < count && frame->ok(); i++) names.emplace_back(frame->Str());
        next = frame->Str();
        if (!frame->AtEnd()) status = Malformed();
      }
      done(std::move(status), std::move(names), std::move(next));
    });
  }

  bool connected() const override {
    MutexLock lock(&mutex_);
    return !ended_;
  }

  void Close() override {
    link_->ShutDown();
    link_->Wake();
    // One thread at a time joins the other.
    MutexLock lock(&ending_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  // With the frame of an answer that is no model, or with the model.
  using OnAnswer = std::function<void(Status, FrameReader*, std::unique_ptr<OpenedModel>)>;

  struct Pending {
    OnAnswer done;
    FrameType awaited = FrameType::kModel;
    std::optional<Clock::time_point> deadline;
  };

  static Status Gone() { return Status::Error(code::kStoreUnreachable, "The connection to the store has ended."); }
  static Status Malformed() { return Status::Error(code::kStoreProtocol, "The store sent a malformed answer."); }

  // Sends a frame and waits for the next one, which is left in buffer_. Before the client's thread runs.
  Status Exchange(std::string bytes, int timeout_ms, size_t* size_bytes) REQUIRES(receiving_) {
    link_->Send(std::move(bytes));
    pollfd waited = {link_->socket(), POLLIN, 0};
    int ready;
    do {
      ready = poll(&waited, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) return Status::Error(code::kStoreUnreachable, "The store did not answer the greeting in time.");
    std::vector<UniqueFd> fds;
    const int error = Receive(link_->socket(), &buffer_, size_bytes, &fds);
    if (error != 0) return Status::Errno(code::kStoreUnreachable, "The store did not answer the greeting", error);
    if (*size_bytes == 0) return Status::Error(code::kStoreUnreachable, "The store closed the connection.");
    return Status();
  }

  static void WriteOpen(const OpenRequest& request, uint16_t version, FrameWriter* writer) {
    writer->U64(request.deadline_ms).Str(request.name).Str(request.tenant);
    if (version >= 2) writer->U32(request.arriving ? kOpenArriving : 0);
  }

  std::string OpenFrame(const OpenRequest& request, uint32_t number) const {
    FrameWriter writer(FrameType::kOpen, number);
    WriteOpen(request, link_->version(), &writer);
    return writer.Take();
  }

  std::string ReattachFrame(const OpenRequest& request, uint32_t number) const {
    FrameWriter writer(FrameType::kReattach, number);
    WriteOpen(request, link_->version(), &writer);
    writer.Str(request.digest).U32(static_cast<uint32_t>(request.held.size()));
    for (const HeldSegment& held : request.held) writer.U64(held.size_bytes).Raw(held.sha256.bytes.data(), held.sha256.bytes.size());
    return writer.Take();
  }

  void AskNew(FrameType type, const std::string& text, uint64_t deadline_ms, std::function<void(Status, FrameReader*)> done) {
    if (link_->version() < 2) {
      return done(Status::Error(code::kStoreProtocol, "The store is of an earlier version and cannot answer this."), nullptr);
    }
    const bool lists = type == FrameType::kList;
    Ask([&](uint32_t number) { return lists ? FrameWriter(type, number).Str(text).Take() : FrameWriter(type, number).Take(); }, {},
        deadline_ms, [done = std::move(done)](Status status, FrameReader* frame, std::unique_ptr<OpenedModel>) { done(std::move(status), frame); },
        lists ? FrameType::kNames : FrameType::kCounters);
  }

  void Ask(const std::function<std::string(uint32_t)>& frame_of, std::vector<UniqueFd> fds, uint64_t deadline_ms, OnAnswer done,
           FrameType awaited = FrameType::kModel, uint64_t patience_us = kHitWaitUs) {
    uint32_t number = 0;
    bool alone = false;
    {
      MutexLock lock(&mutex_);
      if (!ended_) {
        // A client that opens many at once, or has misses pending, does not wait for each.
        alone = pending_.empty();
        if (alone) direct_ = true;
        do {
          number = ++last_request_;
        } while (number == 0 || pending_.contains(number));
        Pending pending{std::move(done), awaited, std::nullopt};
        if (deadline_ms < kDeadlineMsMax) pending.deadline = Clock::now() + std::chrono::milliseconds(deadline_ms);
        pending_.emplace(number, std::move(pending));
        done = nullptr;
      }
    }
    if (done != nullptr) return done(Gone(), nullptr, nullptr);
    link_->Send(frame_of(number), std::move(fds));
    if (alone && ReceiveHit(number, patience_us)) return;
    // The thread is asleep without a time-out, or with a later one, and may not be listening.
    link_->Wake();
  }

  // Waits a moment for the answer to `request`; true when it was received here.
  bool ReceiveHit(uint32_t request, uint64_t patience_us) {
    {
      MutexLock lock(&receiving_);
      pollfd waited = {link_->socket(), POLLIN, 0};
      const timespec patience = {0, static_cast<long>(patience_us) * 1000};
      // The end of the connection, if this is it, is met by the client's thread too.
      if (ppoll(&waited, 1, &patience, nullptr) > 0) (void)ReceiveAll([&] { return IsPending(request); });
    }
    bool answered;
    bool others;
    {
      MutexLock lock(&mutex_);
      direct_ = false;
      answered = !pending_.contains(request);
      others = !pending_.empty();
    }
    // An open in between woke the thread while it was not listening.
    if (answered && others) link_->Wake();
    return answered;
  }

  bool IsPending(uint32_t request) {
    MutexLock lock(&mutex_);
    return pending_.contains(request);
  }

  short Listens() {
    MutexLock lock(&mutex_);
    // The answer to an expired request may still be on its way, and holds a lease.
    return (!pending_.empty() && !direct_) || expired_ ? POLLIN : 0;
  }

  void Run() {
    while (!link_->down()) {
      pollfd waited[2] = {{link_->socket(), Listens(), 0}, {link_->wake(), POLLIN, 0}};
      if (link_->Flush()) waited[0].events |= POLLOUT;
      if (poll(waited, 2, MillisecondsToDeadline()) < 0 && errno != EINTR) break;
      uint64_t count;
      // Nothing to read means that an earlier turn took it.
      if (waited[1].revents != 0 && read(link_->wake(), &count, sizeof count) < 0) count = 0;
      if ((waited[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !ReceiveReady()) break;
      ExpirePending();
    }
    End();
  }

  bool ReceiveReady() {
    MutexLock lock(&receiving_);
    return ReceiveAll([] { return true; });
  }

  // As long as there are frames and `wanted` says so. False when the connection has ended; end_ says why when the store did.
  bool ReceiveAll(const std::function<bool()>& wanted) REQUIRES(receiving_) {
    while (wanted()) {
      std::vector<UniqueFd> fds;
      size_t size_bytes = 0;
      const int error = Receive(link_->socket(), &buffer_, &size_bytes, &fds);
      if (error == EAGAIN) return true;
      if (error == EMFILE) end_ = Status::Errno(code::kSystem, "Receiving descriptors; raise the limit of open files", error);
      if (error != 0 || size_bytes == 0) {
        // So that the client's thread sees an end too, whichever thread this is.
        link_->ShutDown();
        return false;
      }
      Status status = OnFrame(FrameReader(buffer_.data(), size_bytes), std::move(fds));
      if (status.ok()) continue;
      end_ = std::move(status);
      link_->ShutDown();
      return false;
    }
    return true;
  }

  // An error ends the connection.
  Status OnFrame(FrameReader frame, std::vector<UniqueFd> fds) REQUIRES(receiving_) {
    if (frame.ok() && frame.type() == FrameType::kModel) return OnModel(&frame, std::move(fds));
    const bool answers = frame.type() == FrameType::kCounters || frame.type() == FrameType::kNames;
    if (!frame.ok() || (frame.type() != FrameType::kError && !answers)) {
      return Status::Error(code::kStoreProtocol, "The store sent a frame of unknown form.");
    }
    if (answers) {
      Answer(frame.request(), Status(), &frame, nullptr);
      return Status();
    }
    Status status = ErrorOf(&frame);
    if (frame.request() == 0) return status;
    Answer(frame.request(), status, nullptr, nullptr);
    return Status();
  }

  Status OnModel(FrameReader* frame, std::vector<UniqueFd> fds) REQUIRES(receiving_) {
    const uint32_t request = frame->request();
    const auto assembly = assemblies_.try_emplace(request, link_).first;
    Status status = assembly->second.Add(frame, std::move(fds));
    if (!status.ok()) {
      assemblies_.erase(assembly);
      // A client that is out of mappings or memory is no reason to end its other models.
      const bool broken = status.Is(code::kStoreProtocol);
      Answer(request, status, nullptr, nullptr);
      return broken ? status : Status();
    }
    if (!assembly->second.complete()) return Status();
    std::unique_ptr<OpenedModel> model = assembly->second.Take();
    assemblies_.erase(assembly);
    Answer(request, Status(), nullptr, std::move(model));
    return Status();
  }

  void Answer(uint32_t request, Status status, FrameReader* frame, std::unique_ptr<OpenedModel> model) {
    OnAnswer done;
    {
      MutexLock lock(&mutex_);
      const auto found = pending_.find(request);
      if (found == pending_.end()) return;
      const FrameType given = frame != nullptr ? frame->type() : FrameType::kModel;
      if (status.ok() && given != found->second.awaited) status = Malformed();
      done = std::move(found->second.done);
      pending_.erase(found);
    }
    if (!status.ok()) model.reset();
    done(std::move(status), frame, std::move(model));
  }

  int MillisecondsToDeadline() {
    MutexLock lock(&mutex_);
    std::optional<Clock::time_point> next;
    for (const auto& [number, pending] : pending_) {
      if (pending.deadline && (!next || *pending.deadline < *next)) next = pending.deadline;
    }
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30));
  }

  void ExpirePending() {
    std::vector<std::pair<uint32_t, OnAnswer>> expired;
    {
      MutexLock lock(&mutex_);
      const Clock::time_point now = Clock::now();
      for (auto it = pending_.begin(); it != pending_.end();) {
        const bool due = it->second.deadline && *it->second.deadline <= now;
        if (due) expired.emplace_back(it->first, std::move(it->second.done));
        it = due ? pending_.erase(it) : std::next(it);
        expired_ = expired_ || due;
      }
    }
    for (auto& [request, done] : expired) {
      link_->Send(FrameWriter(FrameType::kCancel, request).Take());
      done(Status::Error(code::kDeadlineExceeded, "The model did not arrive before the deadline; prefetch it or allow more time."),
           nullptr, nullptr);
    }
  }

  void End() {
    link_->ShutDown();
    Status status;
    {
      MutexLock lock(&receiving_);
      status = end_;
      assemblies_.clear();
    }
    std::unordered_map<uint32_t, Pending> pending;
    {
      MutexLock lock(&mutex_);
      ended_ = true;
      pending.swap(pending_);
    }
    for (auto& [request, entry] : pending) entry.done(status, nullptr, nullptr);
    if (on_end_) on_end_();
  }

  const std::shared_ptr<ClientLink> link_;
  const std::function<void()> on_end_;
  Mutex receiving_;
  std::vector<uint8_t> buffer_ GUARDED_BY(receiving_);
  std::unordered_map<uint32_t, ModelAssembly> assemblies_ GUARDED_BY(receiving_);
  // What opens that nobody answered end with.
  Status end_ GUARDED_BY(receiving_) = Gone();

  mutable Mutex mutex_;
  bool ended_ GUARDED_BY(mutex_) = false;
  // An opening thread receives.
  bool direct_ GUARDED_BY(mutex_) = false;
  bool expired_ GUARDED_BY(mutex_) = false;
  uint32_t last_request_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint32_t, Pending> pending_ GUARDED_BY(mutex_);
  Mutex ending_;
  // Last: uses all of the above.
  std::thread thread_;
};

}  // namespace

Status Client::Connect(const std::string& socket_path, const std::string& token, int timeout_ms, std::function<void()> on_end,
                       std::shared_ptr<Client>* client) {
  UniqueFd socket;
  Status status = ConnectTo(socket_path, &socket);
  if (!status.ok()) return status;
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return Status::Errno(code::kSystem, "Cannot create an eventfd", errno);
  auto link = std::make_shared<ClientLink>(std::move(socket), std::move(wake));
  auto connected = std::make_shared<ClientImpl>(std::move(link), std::move(on_end));
  status = connected->Greet(token, timeout_ms);
  if (!status.ok()) return status;
  connected->Start();
  *client = std::move(connected);
  return Status();
}

}  // namespace holdfast
