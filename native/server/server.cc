// Invariants:
// - connections_ and everything in it belong to the server's thread. Other threads leave commands and wake it.
// - A waiting open stands in waiting_ (by our number) and in its connection's `waiting` (by the client's).
// - A connection's rule points into admission_; every connection is admitted again when the rules change.
// - Every lease stands in `leases` of exactly one connection, or in a command on its way there.
// - Every connection counts in shares_. One that has not greeted stands in ungreeted_, the oldest first; one that has may still stand there.
// - What news_ has happened before anything that the listener has not heard of yet: it is told before an open miss.
#include "server/server.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <thread>
#include <unordered_map>

#include "server/admission.h"
#include "server/connection.h"
#include "server/connection_shares.h"
#include "os/mutex.h"
#include "wire/protocol.h"
#include "os/sha256.h"
#include "server/lease_events.h"
#include "wire/names_frame.h"
#include "wire/open_frame.h"
#include "os/socket_io.h"
#include "server/waiting_opens.h"

namespace holdfast {

namespace {

constexpr uint64_t kListenKey = 0;
constexpr uint64_t kWakeKey = 1;
// Frames taken from one connection before the others get their turn.
constexpr int kFramesPerTurn = 64;
constexpr int kEventsPerTurn = 64;
// How long to wait when the kernel has too many descriptors in flight or the listener too much to hear; neither has an event.
constexpr int kStalledMs = 10;

class ServerImpl final : public Server {
 public:
  ServerImpl(const ServerOptions& options, Catalog* catalog, StoreListener* listener)
      : options_(options), catalog_(catalog), listener_(listener), news_(listener), admission_(options.own_token),
        shares_(options.shares) {}

  ~ServerImpl() override { Stop(); }

  Status Init() {
    admission_.SetRules(options_.access);
    Status status = ListenOn(options_.socket_path, &listen_);
    if (!status.ok()) return status;
    epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
    wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    spare_.Reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!epoll_.valid() || !wake_.valid() || !Watch(listen_.get(), kListenKey) || !Watch(wake_.get(), kWakeKey)) {
      return Status::Errno(code::kSystem, "Cannot watch the store socket", errno);
    }
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "holdfast-store");
    return Status();
  }

  Status Answer(uint32_t request_id, const std::string& digest) override {
    Command command;
    bool waits = false;
    WaitingOpen waiting;
    const auto acquire = [&](const WaitingOpen& open) {
      waits = true;
      return catalog_->AcquireLease("sha256:" + digest, open.pid, open.tenant, open.arriving, &command.grant);
    };
    if (!waiting_.TakeIf(request_id, acquire, &waiting)) {
      if (!waits) return Status();
      return Status::Error(code::kUnknownModel, "Model " + digest + " is not published with all its blobs in memory.");
    }
    command.connection = waiting.connection;
    command.request = waiting.request;
    listener_->OnLease(/*opened=*/true, command.grant->info);
    Push(std::move(command));
    return Status();
  }

  void Refuse(uint32_t request_id, const std::string& code, const std::string& message) override {
    WaitingOpen waiting;
    if (!waiting_.TakeIf(request_id, [](const WaitingOpen&) { return true; }, &waiting)) return;
    Command command;
    command.connection = waiting.connection;
    command.request = waiting.request;
    command.code = code;
    command.message = message;
    Push(std::move(command));
  }

  std::vector<HeldSegment> TakeHeld(uint32_t request_id) override { return waiting_.TakeHeld(request_id); }

  void SetAccess(std::vector<AccessRule> rules) override {
    Command command;
    command.rules = std::make_unique<std::vector<AccessRule>>(std::move(rules));
    Push(std::move(command));
  }

  ServerStats stats() const override { return {connection_count_, open_hits_, open_misses_}; }

  void Stop() override {
    if (!thread_.joinable()) return;
    stopping_ = true;
    Wake();
    thread_.join();
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Ungreeted {
    uint64_t id;
    Clock::time_point due;
  };

  // New rules, a grant, or else an error.
  struct Command {
    uint64_t connection = 0;
    uint32_t request = 0;
    std::shared_ptr<LeaseGrant> grant;
    std::string code;
    std::string message;
    std::unique_ptr<std::vector<AccessRule>> rules;
  };

  void Push(Command command) {
    {
      MutexLock lock(&mutex_);
      commands_.push_back(std::move(command));
    }
    Wake();
  }

  bool Watch(int fd, uint64_t key) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = key;
    return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }

  void Wake() {
    const uint64_t one = 1;
    // Fails only when the counter is at its maximum: then the thread is being woken already.
    if (write(wake_.get(), &one, sizeof one) < 0) return;
  }

  void Run() {
    epoll_event events[kEventsPerTurn];
    while (!stopping_) {
      const int patience_ms = !news_.empty() ? LeaseEvents::kUntoldMs : !stalled_.empty() ? kStalledMs : GreetingWaitMs();
      const int count = epoll_wait(epoll_.get(), events, kEventsPerTurn, patience_ms);
      // What this process said before a frame came is done before the frame: rules that have changed hold for it.
      RunCommands();
      for (int i = 0; i < count; i++) Handle(events[i].data.u64, events[i].events);
      std::vector<uint64_t> stalled;
      stalled.swap(stalled_);
      for (const uint64_t id : stalled) Settle(id);
      EndSilentOnes();
      news_.TellIfDue();
    }
    while (!connections_.empty()) {
      Connection& connection = *connections_.begin()->second;
      (void)SendFrameTo(connection.fd(), {ErrorFrame(0, code::kShuttingDown, "The node is stopping"), {}});
      Remove(connection.id());
    }
    RunCommands();
    news_.Tell();
    unlink(options_.socket_path.c_str());
  }

  void Handle(uint64_t key, uint32_t events) {
    if (key == kListenKey) return AcceptAll();
    if (key == kWakeKey) {
      uint64_t count;
      // Nothing to read means that an earlier turn took it.
      if (read(wake_.get(), &count, sizeof count) < 0) return;
      return RunCommands();
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) ReadFrom(key);
    Settle(key);
  }

  void AcceptAll() {
    for (;;) {
      UniqueFd fd(accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd.valid()) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EMFILE || errno == ENFILE) TurnAwayOne();
        return;
      }
      ucred peer = {};
      socklen_t size = sizeof peer;
      if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) continue;
      std::string refusal = shares_.Refusal(peer);
      if (refusal.empty() && connections_.size() >= options_.connections_max && !MakeRoom(peer)) {
        refusal = "The store has " + std::to_string(connections_.size()) + " connections, its limit (connectionsMax)";
      }
      if (!refusal.empty()) {
        (void)SendFrameTo(fd.get(), {ErrorFrame(0, code::kStoreBusy, refusal), {}});
        continue;
      }
      const uint64_t id = ++last_connection_;
      const int raw = fd.get();
      auto connection = std::make_unique<Connection>(std::move(fd), id, peer);
      connection->epoll_events = EPOLLIN;
      // Without a rule it may still show a token.
      (void)admission_.Admit(connection.get());
      if (!Watch(raw, id)) continue;
      connections_.emplace(id, std::move(connection));
      shares_.Add(peer);
      ungreeted_.push_back({id, Clock::now() + std::chrono::milliseconds(options_.greeting_timeout_ms)});
      connection_count_++;
    }
  }

  // At the limit of connections: the oldest that has not even greeted goes, else one without a model of the process that has the most.
  // False when the newcomer's process has as many as that one.
  bool MakeRoom(const ucred& peer) {
    ForgetGreeted();
    if (!ungreeted_.empty()) {
      Expel(*connections_.find(ungreeted_.front().id)->second, "The store is full, and the connection did not greet", code::kStoreBusy);
      return true;
    }
    Connection* idle = nullptr;
    uint32_t most = shares_.OfProcess(peer) + 1;
    for (const auto& [id, connection] : connections_) {
      const bool holds = !connection->leases.empty() || !connection->waiting.empty();
      const uint32_t count = shares_.OfProcess(connection->peer());
      if (holds || connection->is_own || count <= most) continue;
      idle = connection.get();
      most = count;
    }
    if (idle == nullptr) return false;
    Expel(*idle, "The store is full, and this process has the most connections", code::kStoreBusy);
    return true;
  }

  // Also those that have gone.
  void ForgetGreeted() {
    while (!ungreeted_.empty()) {
      const auto found = connections_.find(ungreeted_.front().id);
      if (found != connections_.end() && !found->second->greeted) return;
      ungreeted_.pop_front();
    }
  }

  int GreetingWaitMs() {
    ForgetGreeted();
    if (ungreeted_.empty() || options_.greeting_timeout_ms == 0) return -1;
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(ungreeted_.front().due - Clock::now()).count() + 1;
    return static_cast<int>(std::max<int64_t>(wait, 0));
  }

  void EndSilentOnes() {
    while (GreetingWaitMs() == 0) {
      Expel(*connections_.find(ungreeted_.front().id)->second, "The connection did not greet in time");
    }
  }

  // At the limit of open files a connection could neither be taken nor refused, and would wake the thread for ever.
  void TurnAwayOne() {
    spare_.Reset();
    UniqueFd fd(accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    fd.Reset();
    spare_.Reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }

  void ReadFrom(uint64_t id) {
    for (int i = 0; i < kFramesPerTurn; i++) {
      const auto found = connections_.find(id);
      if (found == connections_.end() || found->second->congested() || listener_->congested()) return;
      Connection& connection = *found->second;
      size_t size_bytes = 0;
      switch (connection.Read(&buffer_, &size_bytes, &fds_)) {
        case Connection::ReadResult::kAgain:
          return;
        case Connection::ReadResult::kClosed:
          return Remove(id);
        case Connection::ReadResult::kOversized:
          return Expel(connection, "A frame is larger than 65536 bytes");
        case Connection::ReadResult::kFrame:
          const uint64_t hits = open_hits_;
          OnFrame(connection, FrameReader(buffer_.data(), size_bytes));
          // The client that has its answer gets the processor sooner when this thread sleeps; if there is more to read, it wakes at once.
          if (open_hits_ != hits) return;
      }
    }
  }

  void OnFrame(Connection& connection, FrameReader frame) {
    if (!frame.ok()) return Expel(connection, "A frame has a malformed header");
    if (!connection.greeted) return OnHello(connection, frame);
    switch (frame.type()) {
      case FrameType::kOpen:
        return OnOpen(connection, frame);
      case FrameType::kCancel:
        return OnCancel(connection, frame);
      case FrameType::kClose:
        return OnClose(connection, frame);
      default:
        return connection.version >= 2 ? OnLaterFrame(connection, frame) : OnStrangeFrame(connection);
    }
  }

  void OnLaterFrame(Connection& connection, FrameReader& frame) {
    switch (frame.type()) {
      case FrameType::kAuth:
        return OnAuth(connection, frame);
      case FrameType::kStatus:
        return OnStatus(connection, frame);
      case FrameType::kReattach:
        return OnOpen(connection, frame);
      case FrameType::kList:
        return OnList(connection, frame);
      default:
        return OnStrangeFrame(connection);
    }
  }

  void OnStrangeFrame(Connection& connection) { Expel(connection, "A client does not send frames of this type"); }

  void OnHello(Connection& connection, FrameReader& frame) {
    char magic[8];
    frame.Raw(magic, sizeof magic);
    const uint16_t oldest = frame.U16();
    const uint16_t newest = frame.U16();
    if (frame.type() != FrameType::kHello || !frame.AtEnd() || std::memcmp(magic, "HOLDFAST", 8) != 0) {
      return Expel(connection, "The first frame is not a greeting");
    }
    if (oldest > kNewestVersion || newest < kOldestVersion || oldest > newest) {
      return Expel(connection, "This store speaks versions 1 and 2, the client versions " + std::to_string(oldest) + " to " +
                                   std::to_string(newest));
    }
    connection.greeted = true;
    connection.version = std::min(newest, kNewestVersion);
    connection.Send(FrameWriter(FrameType::kWelcome, 0).U16(connection.version).Take());
  }

  void OnAuth(Connection& connection, FrameReader& frame) {
    const std::string_view token = frame.Str();
    if (!frame.AtEnd() || token.size() > kTokenBytesMax) return Expel(connection, "A token is malformed");
    connection.token = Sha256::Of(token.data(), token.size());
    // No second try: each guess costs a connection.
    if (!admission_.Admit(&connection)) {
      return Expel(connection, "The token is not known to this store, or not for this user", code::kUnauthorized);
    }
    connection.Send(FrameWriter(FrameType::kAccepted, 0).Take());
  }

  void OnStatus(Connection& connection, FrameReader& frame) {
    if (!frame.AtEnd() || frame.request() == 0) return Expel(connection, "A status request is malformed");
    if (connection.rule == nullptr) return connection.Send(Unauthorized(frame.request()));
    StoreCounters counters;
    if (options_.counters) counters = options_.counters();
    counters.connections = connection_count_;
    connection.Send(CountersFrame(frame.request(), counters));
  }

  void OnList(Connection& connection, FrameReader& frame) {
    const std::string after(frame.Str());
    if (!frame.AtEnd() || frame.request() == 0 || after.size() > kNameBytesMax) return Expel(connection, "A listing is malformed");
    if (connection.rule == nullptr || !connection.rule->may_list) return connection.Send(Unauthorized(frame.request()));
    connection.Send(NamesFrame(frame.request(), *connection.rule, after, *catalog_));
  }

  static std::string Unauthorized(uint32_t request) {
    return ErrorFrame(request, code::kUnauthorized,
                      "The access rules of this store do not allow this; show a token, or ask the operator for a rule");
  }

  // Also a reattach, which is an open that brings segments.
  void OnOpen(Connection& connection, FrameReader& frame) {
    OpenFrame open;
    const bool good = ReadOpenFrame(frame, connection.version, fds_, &open);
    const uint32_t request = frame.request();
    if (!good || connection.waiting.contains(request)) {
      return Expel(connection, "An open is malformed or its number is in use");
    }
    OpenMiss& miss = open.miss;
    miss.pid = connection.peer().pid;
    miss.uid = connection.peer().uid;
    if (!HasGoodNames(miss)) {
      return connection.Send(ErrorFrame(request, code::kBadModelName, "A name has 1 to 512, a tenant at most 128 visible ASCII characters."));
    }
    // Before the rules are asked: they speak of names in full.
    miss.name = WithNamespace(miss.name, options_.default_namespace);
    if (!Admission::MayOpen(connection, miss.name, *catalog_)) return connection.Send(Unauthorized(request));
    std::string tenant = Admission::TenantOf(connection);
    if (!miss.tenant.empty() && miss.tenant != Admission::kPublicTenant && miss.tenant != tenant) {
      return connection.Send(ErrorFrame(request, code::kTenantMismatch,
                                        "The token that was shown is of the tenant " + tenant + "; leave the tenant out, or show a token of its own."));
    }
    miss.tenant = std::move(tenant);
    // The node's own workers run whatever models the node decides to load: the limit is for clients.
    if (!connection.is_own && connection.leases.size() + connection.waiting.size() >= options_.leases_per_connection_max) {
      return connection.Send(ErrorFrame(request, code::kStoreBusy, "The connection has " + std::to_string(options_.leases_per_connection_max) +
                                                                       " models open or waiting, its limit (leasesPerConnectionMax)"));
    }
    std::shared_ptr<LeaseGrant> grant;
    if (open.held.empty() && catalog_->AcquireLease(miss.name, miss.pid, miss.tenant, open.arriving, &grant)) {
      open_hits_++;
      connection.leases.insert(grant->info.id);
      const LeaseInfo info = grant->info;
      connection.SendGrant(request, std::move(grant));
      // The answer first: the client waits for it. A connection that closed meanwhile is met again by Settle.
      (void)connection.Flush();
      return news_.Add(/*opened=*/true, info);
    }
    open_misses_++;
    miss.restricted = Admission::IsRestricted(connection);
    miss.request_id = waiting_.Add({connection.id(), request, miss.pid, miss.tenant, open.arriving, std::move(open.held)});
    connection.waiting.emplace(request, miss.request_id);
    news_.Tell();
    listener_->OnOpenMiss(miss);
  }

  void OnCancel(Connection& connection, FrameReader& frame) {
    if (!frame.AtEnd()) return Expel(connection, "A cancel is malformed");
    const auto found = connection.waiting.find(frame.request());
    // The answer may have crossed it on the way.
    if (found == connection.waiting.end()) return;
    waiting_.Forget(found->second);
    connection.waiting.erase(found);
  }

  void OnClose(Connection& connection, FrameReader& frame) {
    const uint64_t lease = frame.U64();
    if (!frame.AtEnd() || connection.leases.erase(lease) == 0) {
      return Expel(connection, "A close names no lease of this connection");
    }
    Release(lease);
  }

  void RunCommands() {
    std::vector<Command> commands;
    {
      MutexLock lock(&mutex_);
      commands.swap(commands_);
    }
    for (Command& command : commands) {
      if (command.rules != nullptr) {
        ApplyRules(std::move(*command.rules));
        continue;
      }
      const auto found = connections_.find(command.connection);
      const bool wanted = found != connections_.end() && found->second->waiting.erase(command.request) > 0;
      if (!wanted) {
        if (command.grant != nullptr) Release(command.grant->info.id);
        continue;
      }
      Connection& connection = *found->second;
      if (command.grant != nullptr) {
        connection.leases.insert(command.grant->info.id);
        connection.SendGrant(command.request, std::move(command.grant));
      } else {
        connection.Send(ErrorFrame(command.request, command.code, command.message));
      }
      Settle(command.connection);
    }
  }

  void ApplyRules(std::vector<AccessRule> rules) {
    admission_.SetRules(std::move(rules));
    std::vector<uint64_t> unwanted;
    for (const auto& [id, connection] : connections_) {
      const bool was_admitted = connection->rule != nullptr;
      if (!admission_.Admit(connection.get()) && was_admitted) unwanted.push_back(id);
    }
    for (const uint64_t id : unwanted) {
      Expel(*connections_.find(id)->second, "The access rules of this store have changed", code::kUnauthorized);
    }
  }

  // Sends what can be sent, and asks for the events that the connection's state calls for.
  void Settle(uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    const Connection::FlushResult result = connection.Flush();
    if (result == Connection::FlushResult::kClosed) return Remove(id);
    const bool deaf = listener_->congested();
    if (deaf || result == Connection::FlushResult::kStalled) stalled_.push_back(id);
    const uint32_t wanted = (deaf || connection.congested() ? 0u : static_cast<uint32_t>(EPOLLIN)) |
                            (result == Connection::FlushResult::kBlocked ? static_cast<uint32_t>(EPOLLOUT) : 0u);
    if (wanted == connection.epoll_events) return;
    epoll_event event = {};
    event.events = wanted;
    event.data.u64 = id;
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd(), &event);
    connection.epoll_events = wanted;
  }

  // Tells a client what it did wrong, and ends its connection; nobody else notices.
  void Expel(Connection& connection, const std::string& reason, std::string_view error_code = code::kStoreProtocol) {
    (void)SendFrameTo(connection.fd(), {ErrorFrame(0, error_code, reason), {}});
    Remove(connection.id());
  }

  void Remove(uint64_t id) {
    const auto found = connections_.find(id);
    for (const uint64_t lease : found->second->leases) Release(lease);
    for (const auto& [request, request_id] : found->second->waiting) waiting_.Forget(request_id);
    shares_.Remove(found->second->peer());
    connections_.erase(found);
    connection_count_--;
  }

  void Release(uint64_t lease) {
    LeaseInfo info;
    if (catalog_->ReleaseLease(lease, &info)) news_.Add(/*opened=*/false, info);
  }

  const ServerOptions options_;
  Catalog* const catalog_;
  StoreListener* const listener_;
  UniqueFd listen_;
  UniqueFd epoll_;
  UniqueFd wake_;
  // Kept open to be given up when the process is at its limit of open files.
  UniqueFd spare_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint32_t> connection_count_ = 0;
  std::atomic<uint64_t> open_hits_ = 0;
  std::atomic<uint64_t> open_misses_ = 0;

  // Of the server's thread.
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;
  uint64_t last_connection_ = kWakeKey;
  std::vector<uint64_t> stalled_;
  LeaseEvents news_;
  std::vector<uint8_t> buffer_;
  // What came with the frame in buffer_.
  std::vector<UniqueFd> fds_;
  Admission admission_;
  ConnectionShares shares_;
  std::deque<Ungreeted> ungreeted_;

  WaitingOpens waiting_;
  Mutex mutex_;
  std::vector<Command> commands_ GUARDED_BY(mutex_);
  // Last: uses all of the above.
  std::thread thread_;
};

}  // namespace

Status Server::Start(const ServerOptions& options, Catalog* catalog, StoreListener* listener,
                     std::unique_ptr<Server>* server) {
  auto started = std::make_unique<ServerImpl>(options, catalog, listener);
  Status status = started->Init();
  if (status.ok()) *server = std::move(started);
  return status;
}

}  // namespace holdfast
