// Invariants:
// - connections_ and everything in it belong to the server's thread. Other threads leave commands and wake it.
// - A waiting open stands in waiting_ (by our number) and in its connection's `waiting` (by the client's). Whoever takes it out
//   of waiting_ owns the answer; so an answer, a refusal and the end of the client cannot act on one request twice.
// - Every lease stands in `leases` of exactly one connection, or in a command on its way there.
#include "holdfast/server.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <unordered_map>

#include "connection.h"
#include "holdfast/mutex.h"
#include "holdfast/protocol.h"
#include "socket_io.h"

namespace holdfast {

namespace {

constexpr uint64_t kListenKey = 0;
constexpr uint64_t kWakeKey = 1;
// Frames taken from one connection before the others get their turn.
constexpr int kFramesPerTurn = 64;
constexpr int kEventsPerTurn = 64;
// How long to wait when the kernel has too many descriptors in flight or the listener too much to hear; neither has an event.
constexpr int kStalledMs = 10;
constexpr uint16_t kVersion = kProtocolVersion;

bool IsPrintable(std::string_view text) {
  for (const char c : text) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return true;
}

class ServerImpl final : public Server {
 public:
  ServerImpl(const ServerOptions& options, StoreTable* table, StoreListener* listener)
      : options_(options), table_(table), listener_(listener) {}

  ~ServerImpl() override { Stop(); }

  Status Init() {
    Status status = ListenOn(options_.socket_path, &listen_);
    if (!status.ok()) return status;
    epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
    wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    spare_.Reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!epoll_.valid() || !wake_.valid() || !Watch(listen_.get(), kListenKey) || !Watch(wake_.get(), kWakeKey)) {
      return Status::Errno(code::kSystem, "epoll of the store socket", errno);
    }
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "holdfast-store");
    return Status();
  }

  Status Answer(uint32_t request_id, const std::string& digest) override {
    Command command;
    {
      MutexLock lock(&mutex_);
      const auto found = waiting_.find(request_id);
      if (found == waiting_.end()) return Status();
      const Waiting& waiting = found->second;
      if (!table_->AcquireLease("sha256:" + digest, waiting.pid, waiting.tenant, &command.grant)) {
        return Status::Error(code::kUnknownModel, "Model " + digest + " is not published with all its blobs in memory");
      }
      command.connection = waiting.connection;
      command.request = waiting.request;
      waiting_.erase(found);
      listener_->OnLease(/*opened=*/true, command.grant->info);
      commands_.push_back(std::move(command));
    }
    Wake();
    return Status();
  }

  void Refuse(uint32_t request_id, const std::string& code, const std::string& message) override {
    {
      MutexLock lock(&mutex_);
      const auto found = waiting_.find(request_id);
      if (found == waiting_.end()) return;
      commands_.push_back({found->second.connection, found->second.request, nullptr, code, message});
      waiting_.erase(found);
    }
    Wake();
  }

  ServerStats stats() const override { return {connection_count_, open_hits_, open_misses_}; }

  void Stop() override {
    if (!thread_.joinable()) return;
    stopping_ = true;
    Wake();
    thread_.join();
  }

 private:
  struct Waiting {
    uint64_t connection = 0;
    uint32_t request = 0;
    pid_t pid = 0;
    std::string tenant;
  };

  // A grant, or an error when that is null.
  struct Command {
    uint64_t connection = 0;
    uint32_t request = 0;
    std::shared_ptr<LeaseGrant> grant;
    std::string code;
    std::string message;
  };

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
      const int count = epoll_wait(epoll_.get(), events, kEventsPerTurn, stalled_.empty() ? -1 : kStalledMs);
      for (int i = 0; i < count; i++) Handle(events[i].data.u64, events[i].events);
      std::vector<uint64_t> stalled;
      stalled.swap(stalled_);
      for (const uint64_t id : stalled) Settle(id);
    }
    while (!connections_.empty()) {
      Connection& connection = *connections_.begin()->second;
      (void)SendFrameTo(connection.fd(), {ErrorFrame(0, code::kShuttingDown, "The node is stopping"), {}});
      Remove(connection.id());
    }
    RunCommands();
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
      if (connections_.size() >= options_.connections_max) {
        const std::string text = "The store has " + std::to_string(connections_.size()) +
                                 " connections, its limit (connectionsMax)";
        (void)SendFrameTo(fd.get(), {ErrorFrame(0, code::kStoreBusy, text), {}});
        continue;
      }
      ucred peer = {};
      socklen_t size = sizeof peer;
      if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) continue;
      const uint64_t id = ++last_connection_;
      const int raw = fd.get();
      auto connection = std::make_unique<Connection>(std::move(fd), id, peer);
      connection->epoll_events = EPOLLIN;
      if (!Watch(raw, id)) continue;
      connections_.emplace(id, std::move(connection));
      connection_count_++;
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
      switch (connection.Read(&buffer_, &size_bytes)) {
        case Connection::ReadResult::kAgain:
          return;
        case Connection::ReadResult::kClosed:
          return Remove(id);
        case Connection::ReadResult::kOversized:
          return Expel(connection, "A frame is larger than 65536 bytes");
        case Connection::ReadResult::kFrame:
          OnFrame(connection, FrameReader(buffer_.data(), size_bytes));
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
        return Expel(connection, "A client does not send frames of this type");
    }
  }

  void OnHello(Connection& connection, FrameReader& frame) {
    char magic[8];
    frame.Raw(magic, sizeof magic);
    const uint16_t oldest = frame.U16();
    const uint16_t newest = frame.U16();
    if (frame.type() != FrameType::kHello || !frame.AtEnd() || std::memcmp(magic, "HOLDFAST", 8) != 0) {
      return Expel(connection, "The first frame is not a greeting");
    }
    if (oldest > kVersion || newest < kVersion) {
      return Expel(connection, "This store speaks version 1, the client versions " + std::to_string(oldest) + " to " +
                                   std::to_string(newest));
    }
    connection.greeted = true;
    connection.Send(FrameWriter(FrameType::kWelcome, 0).U16(kVersion).Take());
  }

  void OnOpen(Connection& connection, FrameReader& frame) {
    const uint64_t deadline_ms = frame.U64();
    const std::string name(frame.Str());
    const std::string tenant(frame.Str());
    const uint32_t request = frame.request();
    if (!frame.AtEnd() || request == 0 || connection.waiting.contains(request)) {
      return Expel(connection, "An open is malformed or its number is in use");
    }
    if (name.empty() || name.size() > kNameBytesMax || tenant.size() > kTenantBytesMax || !IsPrintable(name) ||
        !IsPrintable(tenant)) {
      return connection.Send(ErrorFrame(request, code::kBadModelName, "A name has 1 to 512, a tenant at most 128 visible ASCII characters"));
    }
    if (connection.leases.size() + connection.waiting.size() >= options_.leases_per_connection_max) {
      return connection.Send(ErrorFrame(request, code::kStoreBusy, "The connection has " + std::to_string(options_.leases_per_connection_max) +
                                                                       " models open or waiting, its limit (leasesPerConnectionMax)"));
    }
    std::shared_ptr<LeaseGrant> grant;
    if (table_->AcquireLease(name, connection.peer().pid, tenant, &grant)) {
      open_hits_++;
      connection.leases.insert(grant->info.id);
      const LeaseInfo info = grant->info;
      connection.SendGrant(request, std::move(grant));
      // The answer first: telling the daemon costs microseconds that the client would wait for.
      // A connection that closed meanwhile is met again by Settle.
      (void)connection.Flush();
      return listener_->OnLease(/*opened=*/true, info);
    }
    open_misses_++;
    OpenMiss miss{0, name, tenant, deadline_ms, connection.peer().pid, connection.peer().uid};
    {
      MutexLock lock(&mutex_);
      do {
        miss.request_id = ++last_request_;
      } while (waiting_.contains(miss.request_id));
      waiting_.emplace(miss.request_id, Waiting{connection.id(), request, miss.pid, tenant});
    }
    connection.waiting.emplace(request, miss.request_id);
    listener_->OnOpenMiss(miss);
  }

  void OnCancel(Connection& connection, FrameReader& frame) {
    if (!frame.AtEnd()) return Expel(connection, "A cancel is malformed");
    const auto found = connection.waiting.find(frame.request());
    // The answer may have crossed it on the way.
    if (found == connection.waiting.end()) return;
    Forget(found->second);
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
  void Expel(Connection& connection, const std::string& reason) {
    (void)SendFrameTo(connection.fd(), {ErrorFrame(0, code::kStoreProtocol, reason), {}});
    Remove(connection.id());
  }

  void Remove(uint64_t id) {
    const auto found = connections_.find(id);
    for (const uint64_t lease : found->second->leases) Release(lease);
    for (const auto& [request, request_id] : found->second->waiting) Forget(request_id);
    connections_.erase(found);
    connection_count_--;
  }

  void Release(uint64_t lease) {
    LeaseInfo info;
    if (table_->ReleaseLease(lease, &info)) listener_->OnLease(/*opened=*/false, info);
  }

  void Forget(uint32_t request_id) {
    MutexLock lock(&mutex_);
    waiting_.erase(request_id);
  }

  const ServerOptions options_;
  StoreTable* const table_;
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
  std::vector<uint8_t> buffer_;

  Mutex mutex_;
  uint32_t last_request_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint32_t, Waiting> waiting_ GUARDED_BY(mutex_);
  std::vector<Command> commands_ GUARDED_BY(mutex_);
  // Last: uses all of the above.
  std::thread thread_;
};

}  // namespace

Status Server::Start(const ServerOptions& options, StoreTable* table, StoreListener* listener,
                     std::unique_ptr<Server>* server) {
  auto started = std::make_unique<ServerImpl>(options, table, listener);
  Status status = started->Init();
  if (status.ok()) *server = std::move(started);
  return status;
}

}  // namespace holdfast
