// Invariant: a connection is in connections_ from its creation until it has ended; its loop outlives it. The listening socket belongs to the
// thread of the first loop.
#include "transfer/bulk_engine.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "os/mutex.h"

namespace holdfast {

namespace {

constexpr int kThreadsMin = 2;
constexpr int kThreadsMax = 8;
constexpr int kListenBacklog = 511;
// Before a connection is accepted again, when there was no room or no descriptor for one.
constexpr std::chrono::milliseconds kPause(20);

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

bool ParseAddress(const std::string& text, uint16_t port, Address* address) {
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(text.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return false;
  std::memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
  address->size = found->ai_addrlen;
  freeaddrinfo(found);
  return true;
}

std::string NameOf(const Address& address) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(address.get(), address.size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) return "unknown";
  return std::string(host) + ":" + port;
}

void SendAtOnce(int socket) {
  const int on = 1;
  (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

class BulkEngineImpl final : public BulkEngine, private EventLoop::Watcher {
 public:
  BulkEngineImpl(const BulkEngineOptions& options, BulkListener* listener)
      : options_(options), listener_(listener), node_rates_(std::make_shared<BulkRates>(options.out_bytes_per_s, options.in_bytes_per_s)) {}

  ~BulkEngineImpl() override { Stop(); }

  Status Init() {
    Status status = TlsContext::Create(options_.certificate, options_.private_key, &context_);
    int threads = options_.thread_count;
    if (threads <= 0) threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), kThreadsMin, kThreadsMax);
    for (int i = 0; status.ok() && i < threads; i++) {
      std::unique_ptr<EventLoop> loop;
      status = EventLoop::Start("bulk-" + std::to_string(i), options_.nice, &loop);
      if (status.ok()) loops_.push_back(std::move(loop));
    }
    return status;
  }

  Status Listen(const std::string& address, uint16_t port, uint16_t* bound_port) override {
    const auto failed = [&](int error) {
      return Status::Errno(code::kBadConfig, "The bulk transport cannot listen on " + address + ":" + std::to_string(port), error);
    };
    Address wanted;
    if (!ParseAddress(address, port, &wanted)) return Status::Error(code::kBadConfig, "The address " + address + " is not numeric.");
    UniqueFd socket(::socket(wanted.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (!socket.valid() || setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(socket.get(), wanted.get(), wanted.size) != 0 || listen(socket.get(), kListenBacklog) != 0) {
      return failed(errno);
    }
    Address bound;
    bound.size = sizeof bound.storage;
    if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.size) != 0) return failed(errno);
    *bound_port = ntohs(bound.storage.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound.storage)->sin6_port
                                                            : reinterpret_cast<sockaddr_in*>(&bound.storage)->sin_port);
    loops_[0]->Post([this, fd = socket.Release()] {
      listening_.Reset(fd);
      (void)loops_[0]->Watch(fd, EPOLLIN, this);
    });
    return Status();
  }

  ConnectionId Connect(const std::string& address, uint16_t port) override {
    Address target;
    const bool is_address = ParseAddress(address, port, &target);
    UniqueFd socket;
    if (is_address) socket.Reset(::socket(target.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int error = is_address && !socket.valid() ? errno : 0;
    bool is_connected = false;
    if (socket.valid()) {
      SendAtOnce(socket.get());
      is_connected = connect(socket.get(), target.get(), target.size) == 0;
      if (!is_connected && errno != EINPROGRESS) error = errno;
    }
    if (is_address && error == 0) return Add(std::move(socket), TlsSession::Role::kClient, is_connected, "");
    const ConnectionId id = ++last_id_;
    Status reason = is_address ? Status::Errno(code::kPeerUnreachable, "Cannot connect", error)
                               : Status::Error(code::kPeerUnreachable, "The address " + address + " is not numeric.");
    loops_[0]->Post([this, id, reason = std::move(reason)] { listener_->OnClosed(id, reason); });
    return id;
  }

  void Admit(ConnectionId id, const std::string& peer) override {
    With(id, [rates = RatesOf(peer)](BulkConnection* connection) { connection->Admit(rates); });
  }

  void Send(ConnectionId id, const BulkHeader& header, std::string payload) override {
    With(id, [header, payload = std::move(payload)](BulkConnection* connection) { connection->Send(header, payload); });
  }

  void SendChunk(ConnectionId id, uint32_t request, std::unique_ptr<ChunkSource> source) override {
    // Shared, because tasks can be copied.
    auto shared = std::make_shared<std::unique_ptr<ChunkSource>>(std::move(source));
    With(id, [request, shared](BulkConnection* connection) { connection->SendChunk(request, std::move(*shared)); });
  }

  void Expect(ConnectionId id, uint32_t request, Expectation expectation) override {
    With(id, [request, expectation = std::move(expectation)](BulkConnection* connection) { connection->Expect(request, expectation); });
  }

  void Skip(ConnectionId id, uint32_t request) override {
    With(id, [request](BulkConnection* connection) { connection->Skip(request); });
  }

  void Withdraw(ConnectionId id, uint32_t request) override {
    With(id, [request](BulkConnection* connection) { connection->Withdraw(request); });
  }

  void End(ConnectionId id) override {
    With(id, [](BulkConnection* connection) { connection->End(); });
  }

  void Close(ConnectionId id) override {
    With(id, [](BulkConnection* connection) { connection->Close(Status()); });
  }

  uint64_t MovedBytes(ConnectionId id) const override {
    MutexLock lock(&mutex_);
    const auto found = connections_.find(id);
    return found == connections_.end() ? 0 : found->second.connection->moved_bytes();
  }

  void Stop() override {
    if (loops_.empty()) return;
    std::vector<Entry> open;
    {
      MutexLock lock(&mutex_);
      is_stopped_ = true;
      for (const auto& [id, entry] : connections_) open.push_back(entry);
    }
    loops_[0]->Post([this] {
      if (listening_.valid()) loops_[0]->Unwatch(listening_.get(), this);
      listening_.Reset();
    });
    for (const Entry& entry : open) entry.loop->Post([connection = entry.connection] { connection->Close(Status()); });
    for (const auto& loop : loops_) loop->Stop();
    open.clear();
    MutexLock lock(&mutex_);
    connections_.clear();
  }

 private:
  struct Entry {
    EventLoop* loop = nullptr;
    std::shared_ptr<BulkConnection> connection;
    bool is_inbound = false;
  };

  // Connections from outside.
  void OnReady(uint32_t) override {
    for (;;) {
      // The listener makes room by closing others; the queue of the kernel waits for it.
      if (inbound_ >= options_.inbound_connections_max) return PauseAccepting();
      Address remote;
      remote.size = sizeof remote.storage;
      UniqueFd socket(accept4(listening_.get(), reinterpret_cast<sockaddr*>(&remote.storage), &remote.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!socket.valid()) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        // Without descriptors nobody can be let in; the queue of the kernel waits.
        if (errno != EAGAIN && errno != EWOULDBLOCK) PauseAccepting();
        return;
      }
      SendAtOnce(socket.get());
      (void)Add(std::move(socket), TlsSession::Role::kServer, true, NameOf(remote));
    }
  }

  void PauseAccepting() {
    loops_[0]->Change(listening_.get(), 0, this);
    loops_[0]->After(kPause, [this] {
      if (listening_.valid()) loops_[0]->Change(listening_.get(), EPOLLIN, this);
    });
  }

  ConnectionId Add(UniqueFd socket, TlsSession::Role role, bool is_connected, const std::string& remote) {
    const ConnectionId id = ++last_id_;
    const bool is_inbound = role == TlsSession::Role::kServer;
    BulkConnection::Parts parts;
    parts.id = id;
    parts.loop = loops_[id % loops_.size()].get();
    parts.context = context_.get();
    parts.listener = listener_;
    parts.node_rates = node_rates_;
    parts.on_end = [this, id] { Remove(id); };
    EventLoop* loop = parts.loop;
    auto connection = BulkConnection::Create(std::move(parts), std::move(socket), role, is_connected);
    {
      MutexLock lock(&mutex_);
      if (is_stopped_) return id;
      connections_[id] = {loop, connection, is_inbound};
      if (is_inbound) inbound_++;
    }
    loop->Post([this, id, connection, is_inbound, remote] {
      if (is_inbound) listener_->OnAccepted(id, remote);
      connection->Start();
    });
    return id;
  }

  void Remove(ConnectionId id) {
    MutexLock lock(&mutex_);
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    if (found->second.is_inbound) inbound_--;
    connections_.erase(found);
  }

  void With(ConnectionId id, std::function<void(BulkConnection*)> task) {
    Entry entry;
    {
      MutexLock lock(&mutex_);
      const auto found = connections_.find(id);
      if (found == connections_.end()) return;
      entry = found->second;
    }
    entry.loop->Post([connection = std::move(entry.connection), task = std::move(task)] { task(connection.get()); });
  }

  std::shared_ptr<BulkRates> RatesOf(const std::string& peer) {
    if (options_.peer_out_bytes_per_s == 0 && options_.peer_in_bytes_per_s == 0) return nullptr;
    MutexLock lock(&mutex_);
    std::erase_if(peer_rates_, [](const auto& entry) { return entry.second.expired(); });
    std::shared_ptr<BulkRates> rates = peer_rates_[peer].lock();
    if (rates == nullptr) {
      rates = std::make_shared<BulkRates>(options_.peer_out_bytes_per_s, options_.peer_in_bytes_per_s);
      peer_rates_[peer] = rates;
    }
    return rates;
  }

  const BulkEngineOptions options_;
  BulkListener* const listener_;
  const std::shared_ptr<BulkRates> node_rates_;
  std::unique_ptr<TlsContext> context_;
  UniqueFd listening_;
  std::atomic<ConnectionId> last_id_ = 0;
  std::atomic<uint32_t> inbound_ = 0;
  mutable Mutex mutex_;
  bool is_stopped_ GUARDED_BY(mutex_) = false;
  std::unordered_map<ConnectionId, Entry> connections_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::weak_ptr<BulkRates>> peer_rates_ GUARDED_BY(mutex_);
  // Last, so that their threads end before what they use.
  std::vector<std::unique_ptr<EventLoop>> loops_;
};

}  // namespace

Status BulkEngine::Create(const BulkEngineOptions& options, BulkListener* listener, std::unique_ptr<BulkEngine>* engine) {
  auto created = std::make_unique<BulkEngineImpl>(options, listener);
  Status status = created->Init();
  if (status.ok()) *engine = std::move(created);
  return status;
}

}  // namespace holdfast
