// Two engines on loopback. What the transport decides (proofs, limits, time) is tested with it; here it is about bytes and threads.
#include "transfer/bulk_engine.h"

#include <arpa/inet.h>
#include <csignal>
#include <future>
#include <map>
#include <netinet/in.h>
#include <sys/socket.h>

#include "harness.h"
#include "os/sha256.h"
#include "store_fixture.h"
#include "transfer/chunk_sinks.h"

namespace holdfast::test {

// Of nobody: made for this test, proves nothing.
constexpr char kCertificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBIDCBxwIQQr4aW1GsSIN7gUL0EnscvDAKBggqhkjOPQQDAjATMREwDwYDVQQD\n"
    "DAhob2xkZmFzdDAiGA8yMDAwMDEwMTAwMDAwMFoYDzk5OTkxMjMxMjM1OTU5WjAT\n"
    "MREwDwYDVQQDDAhob2xkZmFzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKiF\n"
    "doXIuaIy3GysEtes3WjcpRF5vqO82O+yJ0dkKnkNrwRV9DjG6p4szzuKGJfg3/Ev\n"
    "sMkkPZtfYgNnajNzTXUwCgYIKoZIzj0EAwIDSAAwRQIhAMAbW1v7eDhWAan8hym7\n"
    "ZW81V0ZuIxj+cmc+dyMV3TKnAiA/epSEWTpGHEZ3tMzHzTSVWs86bxjIuarNz3s3\n"
    "H1CkAQ==\n"
    "-----END CERTIFICATE-----\n";
constexpr char kPrivateKey[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTHfCY0PEX28ohya6\n"
    "imy3AWsUYAbcox93afGlobC8aNKhRANCAASohXaFyLmiMtxsrBLXrN1o3KUReb6j\n"
    "vNjvsidHZCp5Da8EVfQ4xuqeLM87ihiX4N/xL7DJJD2bX2IDZ2ozc011\n"
    "-----END PRIVATE KEY-----\n";

constexpr size_t kChunk = 300'000;

// One end: keeps what it is told, and answers requests from a store or with given bytes.
struct End : public BulkListener {
  std::unique_ptr<BulkEngine> engine;
  uint16_t port = 0;
  std::function<void(ConnectionId, const BulkHeader&, const std::string&)> on_frame = [](auto...) {};

  explicit End(const std::function<void(BulkEngineOptions*)>& adjust = [](BulkEngineOptions*) {}) {
    BulkEngineOptions options;
    options.certificate = kCertificate;
    options.private_key = kPrivateKey;
    options.thread_count = 2;
    adjust(&options);
    // As Node does.
    std::signal(SIGPIPE, SIG_IGN);
    CHECK_OK(BulkEngine::Create(options, this, &engine));
    CHECK_OK(engine->Listen("127.0.0.1", 0, &port));
  }

  ~End() override { engine->Stop(); }

  void OnAccepted(ConnectionId id, const std::string&) override {
    engine->Admit(id, "peer");
    Tell([&] { accepted.push_back(id); });
  }
  void OnSecure(ConnectionId id, const std::array<uint8_t, kExporterBytes>& exporter) override {
    Tell([&] { secure[id] = exporter; });
  }
  void OnFrame(ConnectionId id, const BulkHeader& header, std::string payload, std::function<void()> handled) override {
    on_frame(id, header, payload);
    if (handles) handled();
    Tell([&] {
      frames.push_back({header, payload});
      if (!handles) waiting.push_back(handled);
    });
  }
  void OnSent(ConnectionId, uint32_t request, bool is_whole) override {
    Tell([&] { sent[request] = is_whole; });
  }
  void OnBroken(ConnectionId id, const Status& reason) override {
    Tell([&] { broken[id] = reason; });
  }
  void OnClosed(ConnectionId id, const Status& reason) override {
    Tell([&] { closed[id] = reason; });
  }

  template <typename Change>
  void Tell(const Change& change) {
    MutexLock lock(&mutex);
    change();
    changed.NotifyAll();
  }

  void Await(const std::function<bool()>& condition) {
    MutexLock lock(&mutex);
    while (!condition()) changed.Wait(&mutex);
  }

  ConnectionId ConnectTo(const End& other) {
    const ConnectionId id = engine->Connect("127.0.0.1", other.port);
    Await([&] { return secure.contains(id) || closed.contains(id); });
    engine->Admit(id, "peer");
    return id;
  }

  std::atomic<bool> handles = true;
  Mutex mutex;
  CondVar changed;
  std::vector<ConnectionId> accepted;
  std::map<ConnectionId, std::array<uint8_t, kExporterBytes>> secure;
  std::vector<std::pair<BulkHeader, std::string>> frames;
  std::vector<std::function<void()>> waiting;
  std::map<uint32_t, bool> sent;
  std::map<ConnectionId, Status> broken;
  std::map<ConnectionId, Status> closed;
};

BulkHeader Request(uint32_t id) { return {static_cast<uint8_t>(BulkFrameKind::kRequest), id, 0}; }

// Answers each request with these bytes.
void Serve(End* end, std::vector<uint8_t> bytes) {
  end->on_frame = [end, bytes](ConnectionId id, const BulkHeader& header, const std::string&) {
    if (header.kind == static_cast<uint8_t>(BulkFrameKind::kRequest)) end->engine->SendChunk(id, header.id, SourceOfBytes(bytes));
  };
}

struct Outcome {
  Status status;
  std::shared_ptr<std::vector<uint8_t>> bytes = std::make_shared<std::vector<uint8_t>>();
};

std::future<Outcome> Ask(End* end, ConnectionId id, uint32_t request, size_t size_bytes) {
  auto promise = std::make_shared<std::promise<Outcome>>();
  auto outcome = std::make_shared<Outcome>();
  Expectation expectation;
  expectation.size_bytes = size_bytes;
  expectation.begin = [outcome, size_bytes](std::unique_ptr<ChunkWrite>* write) {
    outcome->bytes->resize(size_bytes);
    *write = BeginInMemory(outcome->bytes);
    return Status();
  };
  expectation.done = [promise, outcome](Status status) {
    outcome->status = std::move(status);
    promise->set_value(*outcome);
  };
  end->engine->Expect(id, request, std::move(expectation));
  end->engine->Send(id, Request(request), "");
  return promise->get_future();
}

TEST(BytesComeUnchangedOnManyConnectionsAtOnce) {
  End holder, asker;
  const std::vector<uint8_t> bytes = Bytes(kChunk, 3);
  Serve(&holder, bytes);
  std::vector<std::future<Outcome>> asked;
  for (int c = 0; c < 4; c++) {
    const ConnectionId id = asker.ConnectTo(holder);
    for (uint32_t request = 1; request <= 8; request++) asked.push_back(Ask(&asker, id, request, kChunk));
  }
  for (auto& outcome : asked) {
    const Outcome got = outcome.get();
    CHECK_OK(got.status);
    CHECK(*got.bytes == bytes);
  }
}

TEST(BothEndsKnowTheSameSecret) {
  End holder, asker;
  const ConnectionId id = asker.ConnectTo(holder);
  holder.Await([&] { return !holder.secure.empty(); });
  CHECK(asker.secure.at(id) == holder.secure.begin()->second);
  const ConnectionId other = asker.ConnectTo(holder);
  CHECK(asker.secure.at(id) != asker.secure.at(other));
}

TEST(AChunkGoesIntoAllItsPlacesAndTheStoreServesIt) {
  StoreFixture holder_store, asker_store;
  const std::vector<uint8_t> bytes = Bytes(kChunk, 5);
  // The same chunk twice in one blob.
  BlobSpec spec;
  spec.size_bytes = 2 * kChunk;
  spec.chunks = {{Sha256::Of(bytes.data(), kChunk), kChunk}, {Sha256::Of(bytes.data(), kChunk), kChunk}};
  spec.digest = IdOf(spec);
  for (const bool memory : {true, false}) {
    std::shared_ptr<Fill> source;
    CHECK_OK(holder_store.store->BeginFill(spec, memory, !memory, &source));
    CHECK_OK(source->PutChunk(0, bytes.data(), kChunk));
    CHECK_OK(source->PutChunk(1, bytes.data(), kChunk));
    // Verified chunks of a blob that is arriving are served, then those of the complete one.
    for (const bool complete : {false, true}) {
      if (complete) CHECK_OK(source->Finish());
      End holder, asker;
      holder.on_frame = [&](ConnectionId id, const BulkHeader& header, const std::string&) {
        const std::shared_ptr<Store> store(std::shared_ptr<void>(), holder_store.store.get());
        OpenStoreSource(store, spec.digest, kChunk, kChunk, [&, id, request = header.id](Status status, std::unique_ptr<ChunkSource> found) {
          CHECK_OK(status);
          CHECK(found != nullptr);
          holder.engine->SendChunk(id, request, std::move(found));
        });
      };
      const ConnectionId id = asker.ConnectTo(holder);
      std::shared_ptr<Fill> fill;
      CHECK_OK(asker_store.store->BeginFill(spec, true, true, &fill));
      std::promise<Status> done;
      Expectation expectation;
      expectation.size_bytes = kChunk;
      expectation.begin = [&](std::unique_ptr<ChunkWrite>* write) {
        return BeginInPlaces({{fill, 0, 0}, {fill, 1, kChunk}}, kChunk, asker_store.store->pool(), write);
      };
      expectation.done = [&](Status status) { done.set_value(std::move(status)); };
      asker.engine->Expect(id, 1, std::move(expectation));
      asker.engine->Send(id, Request(1), "");
      CHECK_OK(done.get_future().get());
      CHECK_OK(fill->Finish());
      std::vector<uint8_t> read(kChunk);
      bool found = false;
      CHECK_OK(asker_store.store->Read(spec.digest, kChunk, kChunk, read.data(), &found));
      CHECK(found && read == bytes);
      CHECK(asker_store.store->DropMemory(spec.digest) && asker_store.store->DropDisk(spec.digest));
    }
    CHECK(memory ? holder_store.store->DropMemory(spec.digest) : holder_store.store->DropDisk(spec.digest));
  }
}

TEST(AChunkOfManyPiecesComesFromTheDisk) {
  StoreFixture fixture;
  const std::vector<uint8_t> bytes = Bytes((5 << 20) + 77, 9);
  const Digest blob = fixture.Add(bytes, /*memory=*/false, /*disk=*/true);
  const std::shared_ptr<Store> store(std::shared_ptr<void>(), fixture.store.get());
  for (int round = 0; round < 5; round++) {
    End holder, asker;
    holder.on_frame = [&](ConnectionId id, const BulkHeader& header, const std::string&) {
      OpenStoreSource(store, blob, 5, bytes.size() - 5, [&, id, request = header.id](Status status, std::unique_ptr<ChunkSource> found) {
        CHECK_OK(status);
        CHECK(found != nullptr);
        holder.engine->SendChunk(id, request, std::move(found));
      });
    };
    std::vector<std::future<Outcome>> asked;
    for (int c = 0; c < 3; c++) {
      const ConnectionId id = asker.ConnectTo(holder);
      for (uint32_t request = 1; request <= 3; request++) asked.push_back(Ask(&asker, id, request, bytes.size() - 5));
    }
    for (auto& outcome : asked) {
      const Outcome got = outcome.get();
      CHECK_OK(got.status);
      CHECK(std::equal(got.bytes->begin(), got.bytes->end(), bytes.begin() + 5));
    }
  }
}

TEST(NothingIsServedThatTheStoreDoesNotHold) {
  StoreFixture fixture;
  const std::shared_ptr<Store> store(std::shared_ptr<void>(), fixture.store.get());
  const std::vector<uint8_t> bytes = Bytes(1000, 1);
  const Digest held = fixture.Add(bytes);
  const std::vector<std::tuple<Digest, uint64_t, uint64_t>> asked = {
      {Sha256::Of("x", 1), 0, 1000}, {held, 1, 1000}, {held, UINT64_MAX, 2}, {held, 0, UINT64_MAX}};
  for (const auto& [digest, offset, size] : asked) {
    if (digest == held || size <= 1000) {
      std::promise<bool> found;
      OpenStoreSource(store, digest, offset, size, [&](Status, std::unique_ptr<ChunkSource> source) { found.set_value(source != nullptr); });
      CHECK(!found.get_future().get() || (digest == held && offset == 0 && size == 1000));
    }
  }
}

TEST(LiesAreToldAndTheConnectionGoesOn) {
  StoreFixture store;
  End holder, asker;
  const std::vector<uint8_t> bytes = Bytes(kChunk, 5);
  Serve(&holder, Bytes(kChunk, 6));
  const ConnectionId id = asker.ConnectTo(holder);
  BlobSpec spec;
  spec.size_bytes = kChunk;
  spec.chunks = {{Sha256::Of(bytes.data(), kChunk), kChunk}};
  spec.digest = IdOf(spec);
  std::shared_ptr<Fill> fill;
  CHECK_OK(store.store->BeginFill(spec, true, true, &fill));
  for (uint32_t request = 1; request <= 2; request++) {
    std::promise<Status> done;
    Expectation expectation;
    expectation.size_bytes = kChunk;
    expectation.begin = [&](std::unique_ptr<ChunkWrite>* write) {
      return BeginInPlaces({{fill, 0, 0}}, kChunk, store.store->pool(), write);
    };
    expectation.done = [&](Status status) { done.set_value(std::move(status)); };
    asker.engine->Expect(id, request, std::move(expectation));
    asker.engine->Send(id, Request(request), "");
    CHECK_CODE(done.get_future().get(), code::kDigestMismatch);
  }
  fill->Abort(/*keep_partial=*/false, Status::Error(code::kShuttingDown, "test"));
}

// Takes bytes and fails then, as a segment does for which the machine has no page.
class FullWrite final : public ChunkWrite {
 public:
  explicit FullWrite(size_t size_bytes) : missing_bytes_(size_bytes) {}
  uint64_t missing_bytes() const override { return missing_bytes_; }
  Status Write(const Producer& producer, size_t* written_bytes) override {
    uint8_t taken[1000];
    *written_bytes = producer(taken, std::min(sizeof taken, missing_bytes_));
    missing_bytes_ -= *written_bytes;
    return *written_bytes == 0 ? Status() : Status::Error(code::kMemoryFull, "On purpose.");
  }
  void End(std::function<void(Status)> done) override { done(Status()); }

 private:
  size_t missing_bytes_;
};

TEST(AChunkThatCannotBeKeptIsDroppedAndTheNextIsRight) {
  End holder, asker;
  const std::vector<uint8_t> bytes = Bytes(kChunk, 4);
  Serve(&holder, bytes);
  const ConnectionId id = asker.ConnectTo(holder);
  for (uint32_t request = 1; request <= 5; request += 2) {
    std::promise<Status> done;
    Expectation expectation;
    expectation.size_bytes = kChunk;
    expectation.begin = [](std::unique_ptr<ChunkWrite>* write) {
      *write = std::make_unique<FullWrite>(kChunk);
      return Status();
    };
    expectation.done = [&](Status status) { done.set_value(std::move(status)); };
    asker.engine->Expect(id, request, std::move(expectation));
    asker.engine->Send(id, Request(request), "");
    CHECK_CODE(done.get_future().get(), code::kMemoryFull);
    CHECK(*Ask(&asker, id, request + 1, kChunk).get().bytes == bytes);
  }
}

TEST(BytesThatNobodyAskedForBreakTheConnection) {
  End holder, asker;
  Serve(&holder, Bytes(1000, 1));
  const ConnectionId id = asker.ConnectTo(holder);
  auto asked = Ask(&asker, id, 1, 999);
  asker.Await([&] { return asker.broken.contains(id); });
  CHECK_CODE(asker.broken.at(id), code::kPeerProtocol);
  asker.engine->Close(id);
  asker.Await([&] { return asker.closed.contains(id); });
  CHECK_OK(asker.closed.at(id));
  holder.Await([&] { return !holder.closed.empty(); });
}

TEST(WhatIsSkippedComesAndIsDroppedAndTheNextIsRight) {
  End holder, asker;
  const std::vector<uint8_t> bytes = Bytes(8 << 20, 2);
  Serve(&holder, bytes);
  const ConnectionId id = asker.ConnectTo(holder);
  auto first = Ask(&asker, id, 1, bytes.size());
  asker.engine->Skip(id, 1);
  auto second = Ask(&asker, id, 2, bytes.size());
  CHECK_OK(first.get().status);
  CHECK(*second.get().bytes == bytes);
}

TEST(AnAnswerThatHasNotBegunIsWithdrawn) {
  End holder, asker;
  const std::vector<uint8_t> bytes = Bytes(32 << 20, 2);
  std::atomic<ConnectionId> served = 0;
  holder.on_frame = [&](ConnectionId id, const BulkHeader& header, const std::string&) {
    holder.engine->SendChunk(id, header.id, SourceOfBytes(bytes));
    served = id;
  };
  const ConnectionId id = asker.ConnectTo(holder);
  auto first = Ask(&asker, id, 1, bytes.size());
  auto second = Ask(&asker, id, 2, bytes.size());
  holder.Await([&] { return holder.frames.size() == 2; });
  holder.engine->Withdraw(served, 2);
  CHECK(*first.get().bytes == bytes);
  holder.Await([&] { return holder.sent.contains(2); });
  if (holder.sent.at(2)) CHECK(*second.get().bytes == bytes);
}

TEST(AFloodOfFramesWaitsUntilTheyAreHandled) {
  End holder, asker;
  holder.handles = false;
  const ConnectionId id = asker.ConnectTo(holder);
  for (uint32_t i = 1; i <= 1000; i++) asker.engine->Send(id, Request(i), "");
  holder.Await([&] { return holder.frames.size() >= 64; });
  // Both threads of the engine have had turns when these have answered.
  for (int i = 0; i < 4; i++) asker.ConnectTo(holder);
  {
    MutexLock lock(&holder.mutex);
    CHECK(holder.frames.size() == 64);
  }
  holder.handles = true;
  for (const auto& handled : holder.waiting) handled();
  holder.Await([&] { return holder.frames.size() == 1000; });
}

TEST(TheRateOfANodeHolds) {
  constexpr uint64_t kRate = 4 << 20;
  for (const bool is_out : {true, false}) {
    End holder([&](BulkEngineOptions* options) { options->out_bytes_per_s = is_out ? kRate : 0; });
    End asker([&](BulkEngineOptions* options) { options->in_bytes_per_s = is_out ? 0 : kRate; });
    Serve(&holder, Bytes(1 << 20, 2));
    std::vector<std::future<Outcome>> asked;
    const auto start = std::chrono::steady_clock::now();
    for (int c = 0; c < 3; c++) {
      const ConnectionId id = asker.ConnectTo(holder);
      asked.push_back(Ask(&asker, id, 1, 1 << 20));
    }
    for (auto& outcome : asked) CHECK_OK(outcome.get().status);
    // 3 MiB at 4 MiB/s, of which 1 MiB may come in a burst.
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(400));
  }
}

TEST(StrangersWithoutTlsAndNobodyAtAllEndInAnError) {
  End holder, asker;
  const ConnectionId nobody = asker.engine->Connect("127.0.0.1", 1);
  const ConnectionId nowhere = asker.engine->Connect("no-address", 1);
  asker.Await([&] { return asker.closed.contains(nobody) && asker.closed.contains(nowhere); });
  CHECK_CODE(asker.closed.at(nobody), code::kPeerUnreachable);
  CHECK_CODE(asker.closed.at(nowhere), code::kPeerUnreachable);
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(holder.port);
  CHECK(connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(send(socket.get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
  holder.Await([&] { return !holder.closed.empty(); });
  CHECK_CODE(holder.closed.begin()->second, code::kPeerUnreachable);
}

TEST(StoppingEndsEverything) {
  for (int i = 0; i < 10; i++) {
    End holder, asker;
    Serve(&holder, Bytes(8 << 20, 2));
    const ConnectionId id = asker.ConnectTo(holder);
    auto asked = Ask(&asker, id, 1, 8 << 20);
    if (i % 2 == 0) holder.Await([&] { return !holder.frames.empty(); });
    (i % 3 == 0 ? holder : asker).engine->Stop();
  }
}

}  // namespace holdfast::test
