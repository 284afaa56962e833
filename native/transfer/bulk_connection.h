// One connection of the bulk engine: TLS, frames, chunks straight to where they stay and from where they are. What may be asked and
// answered is decided by the listener; nothing is taken but small frames before it admits the connection.
#ifndef HOLDFAST_TRANSFER_BULK_CONNECTION_H_
#define HOLDFAST_TRANSFER_BULK_CONNECTION_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "memory/chunk_write.h"
#include "os/status.h"
#include "os/unique_fd.h"
#include "transfer/bulk_frame.h"
#include "transfer/chunk_source.h"
#include "transfer/event_loop.h"
#include "transfer/tls_session.h"
#include "transfer/token_bucket.h"

namespace holdfast {

using ConnectionId = uint32_t;

// Called on the threads of the engine. For one connection: OnSecure, then frames, then OnClosed, once and last.
class BulkListener {
 public:
  virtual ~BulkListener() = default;
  // Somebody has connected from `remote`; the handshake comes next.
  virtual void OnAccepted(ConnectionId id, const std::string& remote) = 0;
  virtual void OnSecure(ConnectionId id, const std::array<uint8_t, kExporterBytes>& exporter) = 0;
  // A small frame. `handled` is called when the listener is done with it: a connection is not read while many are not.
  virtual void OnFrame(ConnectionId id, const BulkHeader& header, std::string payload, std::function<void()> handled) = 0;
  // An answer with bytes has left completely; or, not `is_whole`, it was withdrawn before its first byte.
  virtual void OnSent(ConnectionId id, uint32_t request, bool is_whole) = 0;
  // The other side broke the protocol. What it sends from now on is dropped; the connection waits for End or Close.
  virtual void OnBroken(ConnectionId id, const Status& reason) = 0;
  // OK when it was closed from here.
  virtual void OnClosed(ConnectionId id, const Status& reason) = 0;
};

// Limits that connections share: of the whole node, or of one peer.
struct BulkRates {
  BulkRates(uint64_t out_bytes_per_s, uint64_t in_bytes_per_s) : out(out_bytes_per_s), in(in_bytes_per_s) {}
  TokenBucket out;
  TokenBucket in;
};

// How bytes that were asked for are kept. `begin` is called when they come; `done` once, with the outcome of the chunk, unless the connection
// ends before.
struct Expectation {
  uint64_t size_bytes = 0;
  std::function<Status(std::unique_ptr<ChunkWrite>*)> begin;
  std::function<void(Status)> done;
};

// Every call is for the thread of the loop, but for moved_bytes.
class BulkConnection : public std::enable_shared_from_this<BulkConnection> {
 public:
  struct Parts {
    ConnectionId id = 0;
    EventLoop* loop = nullptr;
    const TlsContext* context = nullptr;
    BulkListener* listener = nullptr;
    std::shared_ptr<BulkRates> node_rates;
    // Called once, when the connection has ended.
    std::function<void()> on_end;
  };

  // `socket` does not block; `is_connected` false: its connect is under way.
  static std::shared_ptr<BulkConnection> Create(Parts parts, UniqueFd socket, TlsSession::Role role, bool is_connected);
  virtual ~BulkConnection() = default;

  virtual void Start() = 0;
  // Of an admitted peer: chunks may come from now on.
  virtual void Admit(std::shared_ptr<BulkRates> peer_rates) = 0;
  virtual void Send(const BulkHeader& header, const std::string& payload) = 0;
  virtual void SendChunk(uint32_t request, std::unique_ptr<ChunkSource> source) = 0;
  virtual void Expect(uint32_t request, Expectation expectation) = 0;
  // Nobody wants it any more: what comes of it is dropped. `done` is called all the same, since the answer keeps its place until it has come.
  virtual void Skip(uint32_t request) = 0;
  // An answer of SendChunk that has not begun to leave does not leave.
  virtual void Withdraw(uint32_t request) = 0;
  // Drops what still comes, sends what waits to be sent, and says goodbye; the other side closes.
  virtual void End() = 0;
  virtual void Close(Status reason) = 0;
  // Bytes of chunks, both ways. From any thread.
  virtual uint64_t moved_bytes() const = 0;

 protected:
  BulkConnection() = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_TRANSFER_BULK_CONNECTION_H_
