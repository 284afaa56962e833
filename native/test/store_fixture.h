// A store on a temporary folder, blobs to put into it, and events to wait for.
#ifndef HOLDFAST_TEST_STORE_FIXTURE_H_
#define HOLDFAST_TEST_STORE_FIXTURE_H_

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "blob_spec.h"
#include "harness.h"
#include "client/client.h"
#include "os/mutex.h"
#include "wire/protocol.h"
#include "memory/store.h"
#include "os/socket_io.h"

namespace holdfast::test {

struct StoreFixture : public StoreListener {
  TempFolder folder;
  StoreOptions options;
  std::unique_ptr<Store> store;

  explicit StoreFixture(const std::function<void(StoreOptions*)>& adjust = [](StoreOptions*) {}) {
    options.server.socket_path = folder.path() + "/store.sock";
    options.server.connections_max = 8;
    options.server.leases_per_connection_max = 64;
    options.memory_limit_bytes = 64 << 20;
    options.disk_path = folder.path() + "/disk";
    options.disk_limit_bytes = 64 << 20;
    options.thread_count = 3;
    adjust(&options);
    CHECK_OK(Store::Open(options, this, &store));
  }

  ~StoreFixture() override {
    CHECK_OK(store->CheckInvariants());
    store->Close();
    CHECK_OK(store->CheckInvariants());
    CHECK(store->stats().leases == 0 && store->stats().server.connections == 0);
  }

  void OnOpenMiss(const OpenMiss& miss) override {
    MutexLock lock(&mutex);
    misses.push_back(miss);
    changed.NotifyAll();
  }

  void OnLease(bool was_opened, const LeaseInfo&) override {
    MutexLock lock(&mutex);
    (was_opened ? opened : closed)++;
    changed.NotifyAll();
  }

  bool congested() const override { return deaf; }

  // Waits until `condition` holds; it is asked under the lock, after each event.
  void Await(const std::function<bool()>& condition) {
    MutexLock lock(&mutex);
    while (!condition()) changed.Wait(&mutex);
  }

  Digest Add(const std::vector<uint8_t>& bytes, bool memory = true, bool disk = false) {
    BlobSpec spec = SpecOf(bytes);
    const Digest digest = spec.digest;
    std::shared_ptr<Fill> fill;
    CHECK_OK(store->BeginFill(std::move(spec), memory, disk, &fill));
    if (!bytes.empty()) CHECK_OK(fill->PutChunk(0, bytes.data(), bytes.size()));
    CHECK_OK(fill->Finish());
    return digest;
  }

  // Publishes one file per size; every one is another blob.
  Model Publish(const std::string& digest, const std::vector<size_t>& sizes, const std::vector<std::string>& names) {
    Model model;
    model.digest = digest;
    for (size_t i = 0; i < sizes.size(); i++) {
      const std::vector<uint8_t> bytes = Bytes(sizes[i], i + 1);
      model.files.push_back({"file-" + std::to_string(i), Add(bytes), DigestOf(bytes), sizes[i], 0});
    }
    CHECK_OK(store->catalog()->Publish(model, names));
    return model;
  }

  std::shared_ptr<Client> Connect() {
    std::shared_ptr<Client> client;
    CHECK_OK(Client::Connect(options.server.socket_path, 10000, &client));
    return client;
  }

  Mutex mutex;
  CondVar changed;
  std::vector<OpenMiss> misses;
  int opened = 0;
  int closed = 0;
  std::atomic<bool> deaf = false;
};

struct Opened {
  Status status;
  std::unique_ptr<OpenedModel> model;
};

inline std::future<Opened> OpenLater(Client* client, const std::string& name, uint64_t deadline_ms = kNoDeadline) {
  auto promise = std::make_shared<std::promise<Opened>>();
  OpenRequest request;
  request.name = name;
  request.tenant = "public";
  request.deadline_ms = deadline_ms;
  client->Open(std::move(request), [promise](Status status, std::unique_ptr<OpenedModel> model) {
    promise->set_value({std::move(status), std::move(model)});
  });
  return promise->get_future();
}

inline Opened OpenNow(Client* client, const std::string& name) { return OpenLater(client, name).get(); }

// A client that says what it wants.
class RawClient {
 public:
  explicit RawClient(const StoreFixture& fixture, bool greet = true) {
    CHECK_OK(ConnectTo(fixture.options.server.socket_path, &fd_));
    // Waits in Receive; a store that does not answer fails the test after this.
    const timeval patience = {20, 0};
    CHECK(setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(fcntl(fd_.get(), F_SETFL, 0) == 0);
    if (!greet) return;
    Send(HelloFrame(1, 1));
    CHECK(Receive() == FrameType::kWelcome);
  }

  void Send(const std::string& bytes) { CHECK(send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0); }
  bool TrySend(const std::string& bytes) {
    return send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
  }

  // The type of the next frame; its body is in `frame`. kClosed at the end of the connection.
  static constexpr FrameType kClosed = static_cast<FrameType>(0);
  FrameType Receive() {
    frame_.resize(kFrameBytesMax);
    ssize_t got = recv(fd_.get(), frame_.data(), frame_.size(), 0);
    if (got < 0 && errno == ECONNRESET) got = recv(fd_.get(), frame_.data(), frame_.size(), 0);
    CHECK(got >= 0 || errno == ECONNRESET);
    if (got <= 0) return kClosed;
    frame_.resize(static_cast<size_t>(got));
    return FrameReader(frame_.data(), frame_.size()).type();
  }

  FrameReader frame() const { return FrameReader(frame_.data(), frame_.size()); }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::vector<uint8_t> frame_;
};

inline std::string OpenFrame(uint32_t request, const std::string& name) {
  return FrameWriter(FrameType::kOpen, request).U64(kNoDeadline).Str(name).Str("public").Take();
}

}  // namespace holdfast::test

#endif  // HOLDFAST_TEST_STORE_FIXTURE_H_
