// A client process's connection to the store of its machine: opens models and maps them.
#ifndef HOLDFAST_CLIENT_H_
#define HOLDFAST_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/digest.h"
#include "holdfast/status.h"

namespace holdfast {

struct OpenRequest {
  std::string name;
  std::string tenant;
  // kNoDeadline of protocol.h: as long as it takes.
  uint64_t deadline_ms = UINT64_MAX;
};

struct OpenedFile {
  std::string path;
  Digest sha256;
  uint64_t size_bytes = 0;
  // Index into OpenedModel::blob.
  uint32_t blob = 0;
};

// Read-only memory of one blob; null and 0 for an empty one.
struct MappedBlob {
  const uint8_t* data = nullptr;
  uint64_t size_bytes = 0;
};

// A lease. Destroying it unmaps and then ends the lease. Stays readable when the connection goes.
class OpenedModel {
 public:
  virtual ~OpenedModel() = default;
  OpenedModel(const OpenedModel&) = delete;
  OpenedModel& operator=(const OpenedModel&) = delete;
  virtual const std::string& digest() const = 0;
  virtual const std::vector<OpenedFile>& files() const = 0;
  virtual const std::vector<MappedBlob>& blobs() const = 0;

 protected:
  OpenedModel() = default;
};

class Client {
 public:
  // On the client's thread or inside Open; must not block or call the client. The model is null when the status is an error.
  using OnOpened = std::function<void(Status, std::unique_ptr<OpenedModel>)>;

  // Connects and greets; waits for at most `timeout_ms`. STORE_UNREACHABLE, STORE_PROTOCOL, STORE_BUSY.
  static Status Connect(const std::string& socket_path, int timeout_ms, std::shared_ptr<Client>* client);
  // Closes. Models that are open stay readable, without a lease.
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits for a fraction of a millisecond in case the model is resident, then returns. Calls `done` once, also when the connection ends first (STORE_UNREACHABLE) or the deadline passes (DEADLINE_EXCEEDED).
  virtual void Open(const OpenRequest& request, OnOpened done) = 0;
  // False once the connection has ended; a new Client is needed then.
  virtual bool connected() const = 0;
  // Ends the connection and waits for the client's thread. Not on that thread.
  virtual void Close() = 0;

 protected:
  Client() = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_CLIENT_H_
