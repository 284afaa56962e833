// Hands out read-only descriptors on a Unix socket, on one thread of its own: an open of a resident model never touches the
// daemon's event loop.
#ifndef HOLDFAST_SERVER_H_
#define HOLDFAST_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/access_policy.h"
#include "server/connection_shares.h"
#include "client/client.h"
#include "wire/protocol.h"
#include "os/status.h"
#include "memory/catalog.h"

namespace holdfast {

struct ServerOptions {
  std::string socket_path;
  uint32_t connections_max = 0;
  ConnectionShareLimits shares;
  // A connection that has not greeted after this is ended. 0: it may take for ever.
  uint32_t greeting_timeout_ms = 0;
  // Open and waiting ones together.
  uint32_t leases_per_connection_max = 0;
  // What a client is told of the store as a whole; the number of connections is filled in. Called on the server's thread.
  std::function<StoreCounters()> counters;
  // sha256 of a token that opens everything, for the processes that the daemon starts itself. Null: none.
  std::shared_ptr<const Digest> own_token;
  // Namespace of names that clients write without one. Empty: such names name nothing.
  std::string default_namespace;
  // The first rules; nobody is served before they hold.
  std::vector<AccessRule> access;
};

struct OpenMiss {
  uint32_t request_id = 0;
  std::string name;
  std::string tenant;
  uint64_t deadline_ms = 0;
  pid_t pid = 0;
  uid_t uid = 0;
  // Not empty: the client had this model of a store that has gone, and brings its memory (Server::TakeHeld).
  std::string held_digest;
  uint64_t held_bytes = 0;
  // The client's rule names the models that it may open: what it says a name means has to be checked.
  bool restricted = false;
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
  // `catalog` and `listener` outlive the server.
  static Status Start(const ServerOptions& options, Catalog* catalog, StoreListener* listener,
                      std::unique_ptr<Server>* server);
  virtual ~Server() = default;

  // Sends the model to the client that waits under `request_id`. UNKNOWN_MODEL when it is not published with all blobs in memory, or on their
  // way there if the client can wait for ranges: the request goes on waiting. A request that is not there any more is no error: its client has gone.
  virtual Status Answer(uint32_t request_id, const std::string& digest) = 0;
  // The segments that the client of a waiting request brought, once; empty when it brought none or has gone.
  virtual std::vector<HeldSegment> TakeHeld(uint32_t request_id) = 0;
  // From now on; connections that no rule fits any more are ended.
  virtual void SetAccess(std::vector<AccessRule> rules) = 0;
  virtual void Refuse(uint32_t request_id, const std::string& code, const std::string& message) = 0;

  virtual ServerStats stats() const = 0;
  // Ends all connections and with them all leases; removes the socket. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_H_
