// Hands out read-only descriptors on a Unix socket, on one thread of its own: an open of a resident model never touches the
// daemon's event loop.
#ifndef HOLDFAST_SERVER_H_
#define HOLDFAST_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "holdfast/status.h"
#include "holdfast/store_table.h"

namespace holdfast {

struct ServerOptions {
  std::string socket_path;
  uint32_t connections_max = 0;
  // Open and waiting ones together.
  uint32_t leases_per_connection_max = 0;
};

struct OpenMiss {
  uint32_t request_id = 0;
  std::string name;
  std::string tenant;
  uint64_t deadline_ms = 0;
  pid_t pid = 0;
  uid_t uid = 0;
};

// Called on the server's thread or inside Answer; must not block and must not call the server.
class StoreListener {
 public:
  virtual ~StoreListener() = default;
  virtual void OnOpenMiss(const OpenMiss& miss) = 0;
  virtual void OnLease(bool opened, const LeaseInfo& info) = 0;
  // True while too many events wait to be heard: then the server reads nothing more from its clients, so that one that opens
  // and closes without end cannot fill the daemon's memory with news of it.
  virtual bool congested() const { return false; }
};

struct ServerStats {
  uint32_t connections = 0;
  uint64_t open_hits = 0;
  uint64_t open_misses = 0;
};

class Server {
 public:
  // Makes the socket, 0660, in place of a stale one. BAD_CONFIG when another process listens there or the path is too long.
  // `table` and `listener` outlive the server.
  static Status Start(const ServerOptions& options, StoreTable* table, StoreListener* listener,
                      std::unique_ptr<Server>* server);
  virtual ~Server() = default;

  // Sends the model to whoever waits under `request_id`. UNKNOWN_MODEL when it is not published with all blobs in memory:
  // the request goes on waiting. A request that is not there any more is no error: its client has gone.
  virtual Status Answer(uint32_t request_id, const std::string& digest) = 0;
  virtual void Refuse(uint32_t request_id, const std::string& code, const std::string& message) = 0;

  virtual ServerStats stats() const = 0;
  // Ends all connections and with them all leases; removes the socket. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_H_
