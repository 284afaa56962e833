// A client process's connection to the store of its machine: opens models and maps them.
#ifndef HOLDFAST_CLIENT_H_
#define HOLDFAST_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/digest.h"
#include "wire/protocol.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace holdfast {

// A sealed segment of a store that has gone, in the hands of a client.
struct HeldSegment {
  Digest sha256;
  uint64_t size_bytes = 0;
  UniqueFd fd;
};

struct OpenRequest {
  std::string name;
  std::string tenant;
  // kNoDeadline of protocol.h: as long as it takes.
  uint64_t deadline_ms = UINT64_MAX;
  // Answered as soon as the sizes are known and the memory is taken. Stores of version 1 answer when all bytes are there.
  bool arriving = false;
  // The calling thread has nothing else to do until the answer comes.
  bool caller_waits = false;
  // Not empty: the model is this one, and the store may take over what the client holds of it.
  std::string digest;
  std::vector<HeldSegment> held;
};

struct OpenedFile {
  std::string path;
  Digest sha256;
  uint64_t size_bytes = 0;
  // Index into OpenedModel::blob.
  uint32_t blob = 0;
};

// Read-only memory of one blob; null for an empty one and for one that still arrives.
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
  virtual size_t blob_count() const = 0;
  virtual MappedBlob blob(size_t index) const = 0;
  // Waits until a range of a blob is there, and gives its address. The deadline is from now, kNoDeadline none. BAD_REQUEST when it ends
  // beyond the blob, DEADLINE_EXCEEDED, STORE_UNREACHABLE when the store ended first, or what the fill failed with.
  virtual Status WaitRange(size_t index, uint64_t offset_bytes, uint64_t size_bytes, uint64_t deadline_ms,
                           const uint8_t** data) const = 0;
  virtual uint64_t ready_bytes(size_t index) const = 0;
  // Duplicates of the descriptors that are kept: of complete, sealed blobs that are large enough to be worth it.
  virtual std::vector<HeldSegment> Held() const = 0;
  // The descriptor of a blob for private mappings, or -1: it was not kept, or it has reserved large pages, of which each private mapping
  // would need as many again. Belongs to the model.
  virtual int blob_fd(size_t index) const = 0;

 protected:
  OpenedModel() = default;
};

class Client {
 public:
  // On the client's thread or inside Open; must not block or call the client. The model is null when the status is an error.
  using OnOpened = std::function<void(Status, std::unique_ptr<OpenedModel>)>;

  using OnStatus = std::function<void(Status, const StoreCounters&)>;
  using OnNames = std::function<void(Status, std::vector<std::string> names, std::string next)>;

  // Connects, greets and shows the token, if any; waits for at most `timeout_ms` for each. STORE_UNREACHABLE, STORE_PROTOCOL,
  // STORE_BUSY, UNAUTHORIZED. `on_end` is called on the client's thread when the connection has ended, also by Close.
  static Status Connect(const std::string& socket_path, const std::string& token, int timeout_ms, std::function<void()> on_end,
                        std::shared_ptr<Client>* client);
  static Status Connect(const std::string& socket_path, int timeout_ms, std::shared_ptr<Client>* client) {
    return Connect(socket_path, "", timeout_ms, nullptr, client);
  }
  // Closes. Models that are open stay readable, without a lease.
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits for a fraction of a millisecond in case the model is resident, then returns. Calls `done` once, also when the connection ends first (STORE_UNREACHABLE) or the deadline passes (DEADLINE_EXCEEDED).
  virtual void Open(OpenRequest request, OnOpened done) = 0;
  // As Open. STORE_PROTOCOL from a store of version 1.
  virtual void GetStatus(uint64_t deadline_ms, OnStatus done) = 0;
  // Names after `after` in alphabetical order, as many as one message holds; `next` is where to go on, empty at the end.
  virtual void List(const std::string& after, uint64_t deadline_ms, OnNames done) = 0;
  // False once the connection has ended; a new Client is needed then.
  virtual bool connected() const = 0;
  // Ends the connection and waits for the client's thread. Not on that thread.
  virtual void Close() = 0;

 protected:
  Client() = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_CLIENT_H_
