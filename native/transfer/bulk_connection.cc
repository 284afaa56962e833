// Invariants:
// - Everything but moved_bytes_ and unhandled_ belongs to the thread of the loop. After kClosed nothing is read, written or told.
// - incoming_ is set from the begin of a data frame to its end. Its sink is null when the bytes are dropped.
// - What one turn reads or writes is bounded (kTurnBytes), so that connections of one thread share it evenly.
// - TLS has to be given the same bytes again after it could not write: the first piece of the queue does not change until it has left.
#include "transfer/bulk_connection.h"

#include <netinet/in.h>
#include <linux/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast {

namespace {

constexpr size_t kTurnBytes = 1 << 20;
constexpr size_t kScratchBytes = 64 << 10;
// Frames that the listener has not handled: reading stops at the first number and goes on at the second.
constexpr int kUnhandledMax = 64;
constexpr int kUnhandledLow = 16;
// Frames that wait to be sent. A peer that asks and does not read is cut off.
constexpr size_t kQueueMax = 4096;

// A far peer is behind a line that loses packets now and then, and the default congestion control of Linux takes each loss for congestion: at
// 80 ms and one packet in a hundred it sends 200 kB/s. BBR goes by the rate that arrives. On a slow line near by the default fills the queue
// of the router, behind which questions and gossip wait, and begins anew after each pause, of which a swarm makes one per chunk. On fast lines
// near by it is faster and costs less. Only a matter of speed: not every kernel has BBR, and not every process may choose it.
void SuitLine(int socket) {
  constexpr uint32_t kFarUs = 10'000;
  // Round trips within a fast line are long when the machine is busy.
  constexpr uint64_t kFastBytesPerS = 60'000'000;
  tcp_info info = {};
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  if (info.tcpi_rtt < kFarUs || info.tcpi_delivery_rate >= kFastBytesPerS) return;
  constexpr char kBbr[] = "bbr";
  (void)setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, kBbr, sizeof kBbr - 1);
}

struct Outgoing {
  // Header and payload, or the header of a chunk.
  std::vector<uint8_t> head;
  std::unique_ptr<ChunkSource> source;
  uint32_t request = 0;
  uint64_t sent_bytes = 0;

  uint64_t size_bytes() const { return head.size() + (source == nullptr ? 0 : source->size_bytes()); }
};

struct Incoming {
  uint32_t request = 0;
  std::unique_ptr<ChunkWrite> sink;
  std::function<void(Status)> done;
  Status status;
};

class BulkConnectionImpl final : public BulkConnection, private EventLoop::Watcher, private BulkFrameReader::Handler {
 public:
  BulkConnectionImpl(Parts parts, UniqueFd socket, TlsSession::Role role, bool is_connected)
      : parts_(std::move(parts)),
        socket_(std::move(socket)),
        role_(role),
        state_(is_connected ? State::kHandshake : State::kConnecting),
        reader_(this) {}

  ~BulkConnectionImpl() override = default;

  void Start() override {
    // A client says the first word. Before that it costs no more than its socket.
    if (role_ == TlsSession::Role::kServer) interest_ = EPOLLIN;
    Status status = parts_.loop->Watch(socket_.get(), interest_, this);
    if (!status.ok()) return Close(std::move(status));
    if (role_ == TlsSession::Role::kClient && state_ == State::kHandshake) Drive();
  }

  void Admit(std::shared_ptr<BulkRates> peer_rates) override {
    is_admitted_ = true;
    peer_rates_ = std::move(peer_rates);
  }

  void Send(const BulkHeader& header, const std::string& payload) override {
    Outgoing outgoing;
    const auto head = EncodeBulkHeader(header);
    outgoing.head.assign(head.begin(), head.end());
    outgoing.head.insert(outgoing.head.end(), payload.begin(), payload.end());
    Enqueue(std::move(outgoing));
  }

  void SendChunk(uint32_t request, std::unique_ptr<ChunkSource> source) override {
    if (state_ == State::kOpen) SuitLine(socket_.get());
    Outgoing outgoing;
    const auto head = EncodeBulkHeader({static_cast<uint8_t>(BulkFrameKind::kData), request, static_cast<uint32_t>(source->size_bytes())});
    outgoing.head.assign(head.begin(), head.end());
    outgoing.request = request;
    outgoing.source = std::move(source);
    Enqueue(std::move(outgoing));
  }

  void Expect(uint32_t request, Expectation expectation) override {
    if (state_ != State::kClosed) expected_[request] = std::move(expectation);
  }

  void Skip(uint32_t request) override {
    const auto found = expected_.find(request);
    if (found != expected_.end()) found->second.begin = nullptr;
    if (incoming_ != nullptr && incoming_->request == request) incoming_->sink.reset();
  }

  void Withdraw(uint32_t request) override {
    const auto found = std::find_if(queue_.begin(), queue_.end(), [&](const Outgoing& outgoing) {
      return outgoing.source != nullptr && outgoing.request == request;
    });
    // TLS may have taken a part of its header that has not left.
    if (found == queue_.end() || found->sent_bytes > 0 || found == queue_.begin()) return;
    queue_.erase(found);
    parts_.listener->OnSent(parts_.id, request, /*is_whole=*/false);
  }

  void End() override {
    is_deaf_ = is_ending_ = true;
    if (state_ == State::kOpen) TurnAgain();
  }

  void Close(Status reason) override {
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    parts_.loop->Unwatch(socket_.get(), this);
    expected_.clear();
    incoming_.reset();
    queue_.clear();
    tls_.reset();
    socket_.Reset();
    parts_.listener->OnClosed(parts_.id, reason);
    parts_.loop->Retire(shared_from_this());
    parts_.on_end();
  }

  uint64_t moved_bytes() const override { return moved_bytes_; }

 private:
  enum class State { kConnecting, kHandshake, kOpen, kClosed };

  void OnReady(uint32_t events) override {
    if (state_ == State::kConnecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      if (getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
      if (error != 0) return Close(Status::Errno(code::kPeerUnreachable, "Cannot connect", error));
      state_ = State::kHandshake;
    }
    // It has gone while nothing is read from it.
    if (interest_ == 0 && (events & (EPOLLERR | EPOLLHUP)) != 0) return Close(Broken(TlsResult::kClosed));
    Drive();
  }

  // Does what can be done now.
  void Drive() {
    wants_read_ = wants_write_ = false;
    if (state_ == State::kHandshake) Shake();
    if (state_ == State::kOpen && is_admitted_ && !is_wide_) is_wide_ = tls_->Widen();
    if (state_ == State::kOpen) ReadTurn();
    if (state_ == State::kOpen) WriteTurn();
    if (state_ != State::kClosed) UpdateInterest();
  }

  void Shake() {
    wants_read_ = true;
    if (tls_ == nullptr) {
      Status status = TlsSession::Create(*parts_.context, socket_.get(), role_, &tls_);
      if (!status.ok()) return Close(std::move(status));
    }
    const TlsResult result = tls_->Handshake();
    if (result == TlsResult::kWantWrite) wants_write_ = true;
    if (result == TlsResult::kClosed || result == TlsResult::kFailed) return Close(Broken(result));
    if (result != TlsResult::kDone) return;
    std::array<uint8_t, kExporterBytes> exporter;
    Status status = tls_->Export(&exporter);
    if (!status.ok()) return Close(std::move(status));
    state_ = State::kOpen;
    SuitLine(socket_.get());
    parts_.listener->OnSecure(parts_.id, exporter);
  }

  void ReadTurn() {
    if (unhandled_->load() >= kUnhandledMax) return;
    const uint64_t allowed_bytes = Allowed(&BulkRates::in, kTurnBytes);
    if (allowed_bytes == 0) return WaitForRate(&BulkRates::in);
    uint64_t moved_bytes = 0;
    TlsResult result = TlsResult::kDone;
    const ChunkWrite::Producer producer = [&](uint8_t* data, size_t size_bytes) {
      size_t filled_bytes = 0;
      size_bytes = std::min<uint64_t>(size_bytes, allowed_bytes - moved_bytes);
      while (filled_bytes < size_bytes) {
        size_t read_bytes = 0;
        result = tls_->Read(data + filled_bytes, size_bytes - filled_bytes, &read_bytes);
        filled_bytes += read_bytes;
        if (result != TlsResult::kDone) break;
      }
      return filled_bytes;
    };
    while (moved_bytes < allowed_bytes && result == TlsResult::kDone && state_ == State::kOpen && unhandled_->load() < kUnhandledMax) {
      size_t step_bytes = 0;
      Status status = is_deaf_ ? Drop(producer, &step_bytes) : reader_.Step(producer, &step_bytes);
      moved_bytes += step_bytes;
      if (status.ok()) continue;
      is_deaf_ = true;
      parts_.listener->OnBroken(parts_.id, status);
    }
    Settle(&BulkRates::in, allowed_bytes, moved_bytes);
    if (state_ != State::kOpen) return;
    if (result == TlsResult::kClosed || result == TlsResult::kFailed) return Close(Broken(result));
    if (result == TlsResult::kWantWrite) wants_write_ = true;
    if (result == TlsResult::kWantRead) wants_read_ = true;
    // TLS may hold bytes that the socket does not show any more.
    if (result == TlsResult::kDone) TurnAgain();
  }

  void WriteTurn() {
    uint64_t moved_bytes = 0;
    while (!queue_.empty() && moved_bytes < kTurnBytes) {
      Outgoing& front = queue_.front();
      if (front.sent_bytes == front.size_bytes()) {
        const bool is_chunk = front.source != nullptr;
        const uint32_t request = front.request;
        queue_.pop_front();
        if (is_chunk) parts_.listener->OnSent(parts_.id, request, /*is_whole=*/true);
        continue;
      }
      size_t written_bytes = 0;
      if (!WritePiece(&front, &written_bytes)) break;
      moved_bytes += written_bytes;
    }
    if (state_ != State::kOpen || wants_write_) return;
    const TlsResult result = tls_->Flush();
    if (result == TlsResult::kFailed) return Close(Broken(result));
    if (result == TlsResult::kWantWrite) wants_write_ = true;
    else if (!queue_.empty() && !is_source_awaited_ && !is_rate_awaited_out_) TurnAgain();
    else if (queue_.empty() && is_ending_) shutdown(socket_.get(), SHUT_WR);
  }

  Status Drop(const ChunkWrite::Producer& producer, size_t* dropped_bytes) {
    if (scratch_.empty()) scratch_.resize(kScratchBytes);
    *dropped_bytes = producer(scratch_.data(), scratch_.size());
    return Status();
  }

  // False: no more in this turn.
  bool WritePiece(Outgoing* front, size_t* written_bytes) {
    const bool is_body = front->sent_bytes >= front->head.size();
    ChunkSource::Piece piece;
    if (!is_body) piece = {front->head.data() + front->sent_bytes, front->head.size() - front->sent_bytes};
    uint64_t allowed_bytes = piece.size_bytes;
    if (is_body) {
      is_source_awaited_ = false;
      Status status = front->source->Next(front->sent_bytes - front->head.size(), Waker(), &piece);
      if (!status.ok()) {
        // Its header has left: the frame cannot be ended in another way.
        Close(std::move(status));
        return false;
      }
      is_source_awaited_ = piece.size_bytes == 0;
      if (is_source_awaited_) return false;
      allowed_bytes = Allowed(&BulkRates::out, std::min(piece.size_bytes, kTurnBytes));
      if (retry_bytes_ > allowed_bytes) {
        Settle(&BulkRates::out, allowed_bytes, retry_bytes_);
        allowed_bytes = retry_bytes_;
      }
      if (allowed_bytes == 0) {
        WaitForRate(&BulkRates::out);
        return false;
      }
    }
    const TlsResult result = tls_->Write(piece.data, allowed_bytes, written_bytes);
    front->sent_bytes += *written_bytes;
    if (is_body) moved_bytes_ += *written_bytes;
    if (is_body) Settle(&BulkRates::out, allowed_bytes, *written_bytes);
    retry_bytes_ = result == TlsResult::kWantWrite ? allowed_bytes : 0;
    if (result == TlsResult::kWantWrite) wants_write_ = true;
    if (result == TlsResult::kClosed || result == TlsResult::kFailed) Close(Broken(result));
    return result == TlsResult::kDone;
  }

  void Enqueue(Outgoing outgoing) {
    if (state_ == State::kClosed) return;
    if (queue_.size() >= kQueueMax) return Close(Status::Error(code::kPeerProtocol, "A peer asks on and reads no answers."));
    queue_.push_back(std::move(outgoing));
    // A few frames that are sent together leave together.
    if (state_ == State::kOpen && queue_.size() == 1) TurnAgain();
  }

  // --- Frames ---

  Status OnSmallFrame(const BulkHeader& header, std::string payload) override {
    // Its answer is here: no bytes will come.
    if (header.kind == static_cast<uint8_t>(BulkFrameKind::kMissing) || header.kind == static_cast<uint8_t>(BulkFrameKind::kFailure)) {
      expected_.erase(header.id);
    }
    ++*unhandled_;
    parts_.listener->OnFrame(parts_.id, header, std::move(payload), [unhandled = unhandled_, resume = Waker()] {
      if (--*unhandled == kUnhandledLow) resume();
    });
    return Status();
  }

  Status OnDataBegin(const BulkHeader& header) override {
    const auto found = expected_.find(header.id);
    if (!is_admitted_ || found == expected_.end() || found->second.size_bytes != header.length_bytes) {
      return Status::Error(code::kPeerProtocol, std::to_string(header.length_bytes) + " bytes came that nobody asked for.");
    }
    incoming_ = std::make_unique<Incoming>();
    incoming_->request = header.id;
    incoming_->done = std::move(found->second.done);
    if (found->second.begin) incoming_->status = found->second.begin(&incoming_->sink);
    if (incoming_->sink != nullptr && incoming_->sink->missing_bytes() != header.length_bytes) {
      incoming_->sink.reset();
      incoming_->status = Status::Error(code::kBadRequest, "A chunk was asked for with another size than it has.");
    }
    expected_.erase(found);
    return Status();
  }

  size_t OnDataPiece(const BulkHeader&, size_t size_bytes, const ChunkWrite::Producer& producer) override {
    if (incoming_->sink != nullptr) {
      size_t written_bytes = 0;
      incoming_->status = incoming_->sink->Write(producer, &written_bytes);
      if (!incoming_->status.ok()) incoming_->sink.reset();
      moved_bytes_ += written_bytes;
      // A write that failed may have taken bytes of the frame all the same.
      if (incoming_->sink != nullptr || written_bytes > 0) return written_bytes;
    }
    if (scratch_.empty()) scratch_.resize(kScratchBytes);
    const size_t dropped_bytes = producer(scratch_.data(), std::min(size_bytes, scratch_.size()));
    moved_bytes_ += dropped_bytes;
    return dropped_bytes;
  }

  void OnDataEnd(const BulkHeader&) override {
    const std::unique_ptr<Incoming> ended = std::move(incoming_);
    if (ended->sink != nullptr) {
      ended->sink->End(ended->done ? std::move(ended->done) : [](const Status&) {});
    } else if (ended->done) {
      ended->done(ended->status);
    }
  }

  // --- Waiting ---

  void UpdateInterest() {
    uint32_t interest = 0;
    if (state_ == State::kConnecting || wants_write_) interest |= EPOLLOUT;
    // While reading waits for something else, what comes stays in the socket, and the peer has to wait.
    if (state_ == State::kHandshake || (state_ == State::kOpen && wants_read_)) interest |= EPOLLIN;
    if (interest == interest_) return;
    interest_ = interest;
    parts_.loop->Change(socket_.get(), interest, this);
  }

  void TurnAgain() {
    if (std::exchange(has_turn_, true)) return;
    parts_.loop->Soon([self = Self()] {
      self->has_turn_ = false;
      if (self->state_ == State::kOpen) self->Drive();
    });
  }

  // Runs a turn from any thread.
  std::function<void()> Waker() {
    return [loop = parts_.loop, weak = std::weak_ptr<BulkConnection>(weak_from_this())] {
      loop->Post([weak] {
        const std::shared_ptr<BulkConnection> self = weak.lock();
        auto* connection = static_cast<BulkConnectionImpl*>(self.get());
        if (connection != nullptr && connection->state_ == State::kOpen) connection->Drive();
      });
    };
  }

  // By the limits of the node and of the peer.
  uint64_t Allowed(TokenBucket BulkRates::*way, uint64_t wanted_bytes) {
    const uint64_t of_node_bytes = ((*parts_.node_rates).*way).Take(wanted_bytes);
    if (peer_rates_ == nullptr) return of_node_bytes;
    const uint64_t of_peer_bytes = ((*peer_rates_).*way).Take(of_node_bytes);
    ((*parts_.node_rates).*way).Settle(of_node_bytes, of_peer_bytes);
    return of_peer_bytes;
  }

  void Settle(TokenBucket BulkRates::*way, uint64_t taken_bytes, uint64_t moved_bytes) {
    ((*parts_.node_rates).*way).Settle(taken_bytes, moved_bytes);
    if (peer_rates_ != nullptr) ((*peer_rates_).*way).Settle(taken_bytes, moved_bytes);
  }

  void WaitForRate(TokenBucket BulkRates::*way) {
    bool& is_awaited = way == &BulkRates::in ? is_rate_awaited_in_ : is_rate_awaited_out_;
    if (std::exchange(is_awaited, true)) return;
    auto wait = ((*parts_.node_rates).*way).WaitTime();
    if (peer_rates_ != nullptr) wait = std::max(wait, ((*peer_rates_).*way).WaitTime());
    parts_.loop->After(wait, [self = Self(), way] {
      (way == &BulkRates::in ? self->is_rate_awaited_in_ : self->is_rate_awaited_out_) = false;
      if (self->state_ == State::kOpen) self->Drive();
    });
  }

  Status Broken(TlsResult result) const {
    if (result == TlsResult::kClosed) return Status::Error(code::kPeerUnreachable, "The other side closed the connection.");
    return Status::Error(code::kPeerUnreachable, "The connection broke: " + tls_->failure() + ".");
  }

  std::shared_ptr<BulkConnectionImpl> Self() { return std::static_pointer_cast<BulkConnectionImpl>(shared_from_this()); }

  const Parts parts_;
  UniqueFd socket_;
  const TlsSession::Role role_;
  State state_;
  std::unique_ptr<TlsSession> tls_;
  BulkFrameReader reader_;
  std::shared_ptr<BulkRates> peer_rates_;
  bool is_admitted_ = false;
  // TLS has its large buffers.
  bool is_wide_ = false;
  // What comes is dropped.
  bool is_deaf_ = false;
  // Goodbye is said when the queue is empty.
  bool is_ending_ = false;
  std::unordered_map<uint32_t, Expectation> expected_;
  std::unique_ptr<Incoming> incoming_;
  std::deque<Outgoing> queue_;
  std::vector<uint8_t> scratch_;
  uint32_t interest_ = EPOLLIN | EPOLLOUT;
  bool wants_read_ = false;
  bool wants_write_ = false;
  bool has_turn_ = false;
  bool is_source_awaited_ = false;
  bool is_rate_awaited_in_ = false;
  bool is_rate_awaited_out_ = false;
  // What TLS could not write yet.
  uint64_t retry_bytes_ = 0;
  std::atomic<uint64_t> moved_bytes_ = 0;
  // Outlives the connection in the hands of the listener.
  const std::shared_ptr<std::atomic<int>> unhandled_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace

std::shared_ptr<BulkConnection> BulkConnection::Create(Parts parts, UniqueFd socket, TlsSession::Role role, bool is_connected) {
  return std::make_shared<BulkConnectionImpl>(std::move(parts), std::move(socket), role, is_connected);
}

}  // namespace holdfast
