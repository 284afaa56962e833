// The bulk engine: connections between nodes on threads of their own. It moves bytes; who may connect, what is asked of whom and what is
// answered is its listener's to decide.
#ifndef HOLDFAST_TRANSFER_BULK_ENGINE_H_
#define HOLDFAST_TRANSFER_BULK_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "os/status.h"
#include "transfer/bulk_connection.h"

namespace holdfast {

struct BulkEngineOptions {
  // PEM.
  std::string certificate;
  std::string private_key;
  // 0: one per processor, at least 2 and at most 8.
  int thread_count = 0;
  // Added to the niceness of the process: inference goes first.
  int nice = 0;
  // Connections of others; what is more waits in the queue of the kernel.
  uint32_t inbound_connections_max = 512;
  // 0: no limit.
  uint64_t out_bytes_per_s = 0;
  uint64_t in_bytes_per_s = 0;
  uint64_t peer_out_bytes_per_s = 0;
  uint64_t peer_in_bytes_per_s = 0;
};

// From any thread. Calls for a connection that has ended do nothing.
class BulkEngine {
 public:
  // `listener` outlives the engine.
  static Status Create(const BulkEngineOptions& options, BulkListener* listener, std::unique_ptr<BulkEngine>* engine);
  // Stops as Stop does.
  virtual ~BulkEngine() = default;

  // Addresses are numeric. BAD_CONFIG when it cannot listen there; port 0 takes a free one.
  virtual Status Listen(const std::string& address, uint16_t port, uint16_t* bound_port) = 0;
  // Never fails at once: what goes wrong is told by OnClosed.
  virtual ConnectionId Connect(const std::string& address, uint16_t port) = 0;

  // `peer` names the other side; connections of the same peer share its limits.
  virtual void Admit(ConnectionId id, const std::string& peer) = 0;
  virtual void Send(ConnectionId id, const BulkHeader& header, std::string payload) = 0;
  virtual void SendChunk(ConnectionId id, uint32_t request, std::unique_ptr<ChunkSource> source) = 0;
  virtual void Expect(ConnectionId id, uint32_t request, Expectation expectation) = 0;
  virtual void Skip(ConnectionId id, uint32_t request) = 0;
  virtual void Withdraw(ConnectionId id, uint32_t request) = 0;
  virtual void End(ConnectionId id) = 0;
  // Tells OnClosed with OK.
  virtual void Close(ConnectionId id) = 0;
  // Of chunks, both ways; 0 of a connection that has ended.
  virtual uint64_t MovedBytes(ConnectionId id) const = 0;

  // Ends the listener, all connections and all threads; nothing is told after it returns. Idempotent; not on a thread of the engine.
  virtual void Stop() = 0;

 protected:
  BulkEngine() = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_TRANSFER_BULK_ENGINE_H_
