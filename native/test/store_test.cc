#include "memory/store.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <thread>

#include "store_fixture.h"

namespace holdfast::test {

std::vector<uint8_t> BytesOf(const OpenedModel& model, size_t file) {
  const MappedBlob blob = model.blob(model.files()[file].blob);
  return {blob.data, blob.data + blob.size_bytes};
}

TEST(AnOpenedModelShowsItsBytes) {
  StoreFixture fixture;
  fixture.Publish("digest-1", {10000, 0, 5}, {"acme/x:v1", "acme/x"});
  const auto client = fixture.Connect();
  for (const char* name : {"acme/x:v1", "acme/x", "acme/x:latest", "sha256:digest-1"}) {
    const Opened opened = OpenNow(client.get(), name);
    CHECK_OK(opened.status);
    CHECK(opened.model->digest() == "digest-1" && opened.model->files().size() == 3);
    CHECK(opened.model->files()[2].path == "file-2" && BytesOf(*opened.model, 2) == Bytes(5, 3));
    CHECK(BytesOf(*opened.model, 0) == Bytes(10000, 1) && opened.model->blob(1).size_bytes == 0);
  }
  fixture.Await([&] { return fixture.closed == 4; });
  CHECK(fixture.store->stats().server.open_hits == 4 && fixture.opened == 4);
}

TEST(ModelsOfThousandsOfFilesArriveWhole) {
  StoreFixture fixture([](StoreOptions* options) { options->memory_limit_bytes = 64 << 20; });
  std::vector<size_t> sizes;
  for (size_t i = 0; i < 1200; i++) sizes.push_back(i % 50 + 1);
  fixture.Publish("m", sizes, {"acme/many"});
  const auto client = fixture.Connect();
  const Opened opened = OpenNow(client.get(), "acme/many");
  CHECK_OK(opened.status);
  CHECK(opened.model->files().size() == 1200);
  for (size_t i = 0; i < sizes.size(); i++) CHECK(BytesOf(*opened.model, i) == Bytes(sizes[i], i + 1));
}

TEST(LongFileListsTakeSeveralFrames) {
  StoreFixture fixture;
  const Digest digest = fixture.Add(Bytes(10, 1));
  Model model;
  model.digest = "m";
  for (int i = 0; i < 500; i++) model.files.push_back({std::string(4000, 'p') + std::to_string(i), digest, DigestOf(Bytes(10, 1)), 10, 0});
  CHECK_OK(fixture.store->catalog()->Publish(model, {"acme/long"}));
  const auto client = fixture.Connect();
  const Opened opened = OpenNow(client.get(), "acme/long");
  CHECK_OK(opened.status);
  CHECK(opened.model->files().size() == 500 && opened.model->blob_count() == 1);
  CHECK(opened.model->files()[499].path == model.files[499].path);
}

TEST(AnEmptyModelOpens) {
  StoreFixture fixture;
  fixture.Publish("m", {}, {"acme/nothing"});
  const auto client = fixture.Connect();
  const Opened opened = OpenNow(client.get(), "acme/nothing");
  CHECK_OK(opened.status);
  CHECK(opened.model->files().empty());
}

TEST(ALeasePinsAndItsEndUnpins) {
  StoreFixture fixture;
  const Model model = fixture.Publish("m", {5000}, {"acme/x"});
  const Digest digest = model.files[0].id;
  const auto client = fixture.Connect();
  Opened first = OpenNow(client.get(), "acme/x");
  Opened second = OpenNow(client.get(), "acme/x");
  CHECK(!fixture.store->DropMemory(digest));
  BlobState state;
  CHECK(fixture.store->FindBlob(digest, &state) && state.leases == 2 && state.in_memory && !state.on_disk);
  CHECK_OK(fixture.store->CheckInvariants());
  // What the name means next does not matter to those who have it open.
  fixture.store->catalog()->Unpublish("m");
  first.model.reset();
  fixture.Await([&] { return fixture.closed == 1; });
  CHECK(!fixture.store->DropMemory(digest));
  CHECK(BytesOf(*second.model, 0) == Bytes(5000, 1));
  client->Close();
  fixture.Await([&] { return fixture.closed == 2; });
  CHECK(fixture.store->DropMemory(digest) && !fixture.store->DropMemory(digest));
  CHECK(fixture.store->stats().memory_used_bytes == 0);
  // The map outlives lease and segment.
  CHECK(BytesOf(*second.model, 0) == Bytes(5000, 1));
}

TEST(AMissIsAnsweredLater) {
  StoreFixture fixture;
  const auto client = fixture.Connect();
  auto waiting = OpenLater(client.get(), "acme/late:v2", 60000);
  fixture.Await([&] { return fixture.misses.size() == 1; });
  const OpenMiss miss = fixture.misses[0];
  CHECK(miss.name == "acme/late:v2" && miss.tenant == "public" && miss.deadline_ms == 60000);
  CHECK(miss.pid == getpid() && miss.uid == getuid());
  CHECK_CODE(fixture.store->server()->Answer(miss.request_id, "m"), code::kUnknownModel);
  fixture.Publish("m", {100}, {});
  CHECK_OK(fixture.store->server()->Answer(miss.request_id, "m"));
  CHECK_OK(fixture.store->server()->Answer(miss.request_id, "m"));
  const Opened opened = waiting.get();
  CHECK_OK(opened.status);
  CHECK(BytesOf(*opened.model, 0) == Bytes(100, 1));
  CHECK(fixture.store->stats().server.open_misses == 1 && fixture.store->stats().leases == 1);
}

TEST(AMissIsRefused) {
  StoreFixture fixture;
  const auto client = fixture.Connect();
  auto waiting = OpenLater(client.get(), "acme/never");
  fixture.Await([&] { return fixture.misses.size() == 1; });
  fixture.store->server()->Refuse(fixture.misses[0].request_id, "NO_SOURCE", "nobody has it");
  const Opened opened = waiting.get();
  CHECK(opened.status.Is("NO_SOURCE") && opened.status.message() == "nobody has it");
}

TEST(AClientThatGoesWhileItWaitsIsForgotten) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {});
  auto client = fixture.Connect();
  auto waiting = OpenLater(client.get(), "acme/late");
  fixture.Await([&] { return fixture.misses.size() == 1; });
  client->Close();
  CHECK_CODE(waiting.get().status, code::kStoreUnreachable);
  // Whichever comes first, the answer or the news of the end: no lease is left.
  CHECK_OK(fixture.store->server()->Answer(fixture.misses[0].request_id, "m"));
  fixture.store->server()->Refuse(fixture.misses[0].request_id, "NO_SOURCE", "too late");
  fixture.Await([&] { return fixture.opened == fixture.closed; });
}

TEST(ADeadlinePasses) {
  StoreFixture fixture;
  const auto client = fixture.Connect();
  CHECK_CODE(OpenLater(client.get(), "acme/late", 20).get().status, code::kDeadlineExceeded);
  CHECK_CODE(OpenLater(client.get(), "acme/late", 0).get().status, code::kDeadlineExceeded);
  fixture.Await([&] { return fixture.misses.size() == 2; });
  // The connection goes on.
  fixture.Publish("m", {100}, {"acme/x"});
  CHECK_OK(OpenNow(client.get(), "acme/x").status);
}

TEST(AnAnswerThatCrossesTheDeadlineLeavesNoLease) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {});
  const auto client = fixture.Connect();
  for (size_t round = 1; round <= 50; round++) {
    auto waiting = OpenLater(client.get(), "acme/late", round % 4);
    fixture.Await([&] { return fixture.misses.size() == round; });
    CHECK_OK(fixture.store->server()->Answer(fixture.misses[round - 1].request_id, "m"));
    const Opened opened = waiting.get();
    CHECK(opened.status.ok() || opened.status.Is(code::kDeadlineExceeded));
  }
  fixture.Await([&] { return fixture.opened == fixture.closed; });
  CHECK(fixture.store->stats().leases == 0);
}

TEST(ManyThreadsMayOpenThroughOneClient) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {"acme/x"});
  const auto client = fixture.Connect();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; i++) {
        const Opened opened = OpenNow(client.get(), "acme/x");
        CHECK_OK(opened.status);
        CHECK(BytesOf(*opened.model, 0) == Bytes(100, 1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  fixture.Await([&] { return fixture.closed == 400; });
}

TEST(AStoreThatClosesEndsItsClients) {
  auto fixture = std::make_unique<StoreFixture>();
  fixture->Publish("m", {100}, {"acme/x"});
  const auto client = fixture->Connect();
  const Opened opened = OpenNow(client.get(), "acme/x");
  auto waiting = OpenLater(client.get(), "acme/late");
  fixture->Await([&] { return fixture->misses.size() == 1; });
  fixture.reset();
  CHECK_CODE(waiting.get().status, code::kShuttingDown);
  CHECK(BytesOf(*opened.model, 0) == Bytes(100, 1));
  CHECK_CODE(OpenNow(client.get(), "acme/x").status, code::kStoreUnreachable);
  CHECK(!client->connected());
}

TEST(ManyPromotionsShareOneRead) {
  StoreFixture fixture;
  const std::vector<uint8_t> bytes = Bytes(20 << 20, 9);
  const BlobSpec spec = SpecOf(bytes);
  fixture.Add(bytes, false, true);
  std::vector<std::promise<Status>> promises(20);
  for (auto& promise : promises) {
    fixture.store->Promote(spec.digest, nullptr, [&promise](Status status) { promise.set_value(std::move(status)); });
    // One segment, in whatever order they come.
    CHECK(fixture.store->stats().memory_used_bytes <= MemoryBudget::PageRounded(bytes.size()));
  }
  for (auto& promise : promises) CHECK_OK(promise.get_future().get());
  CHECK(fixture.store->stats().memory_used_bytes == MemoryBudget::PageRounded(bytes.size()));
  std::vector<uint8_t> read(1000);
  bool found = false;
  CHECK_OK(fixture.store->Read(spec.digest, 12345678, 1000, read.data(), &found));
  CHECK(found && std::equal(read.begin(), read.end(), bytes.begin() + 12345678));
}

TEST(APromotionThatFailsGivesItsMemoryBack) {
  StoreFixture fixture([](StoreOptions* options) { options->memory_limit_bytes = 8192; });
  const Digest digest = fixture.Add(Bytes(8193, 1), false, true);
  const Digest fits = fixture.Add(Bytes(8192, 2), false, true);
  const auto promote = [&](const Digest& which) {
    std::promise<Status> promise;
    fixture.store->Promote(which, nullptr, [&](Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  };
  CHECK_CODE(promote(digest), code::kTooLarge);
  CHECK_CODE(promote(Digest()), code::kDiskFailed);
  CHECK_OK(promote(fits));
  CHECK_OK(promote(fits));
  CHECK_CODE(promote(fixture.Add(Bytes(1, 3), false, true)), code::kMemoryFull);
  CHECK(fixture.store->DropMemory(fits) && fixture.store->stats().memory_used_bytes == 0);
}

TEST(ABlobIsFilledOnceAtATimeAndGoesOnWithoutDisk) {
  StoreFixture fixture([](StoreOptions* options) { options->disk_limit_bytes = 4096; });
  const std::vector<uint8_t> bytes = Bytes(5000, 1);
  const BlobSpec spec = SpecOf(bytes);
  std::shared_ptr<Fill> fill, second;
  CHECK_CODE(fixture.store->BeginFill(spec, false, true, &fill), code::kTooLarge);
  CHECK_OK(fixture.store->BeginFill(spec, true, true, &fill));
  CHECK_CODE(fixture.store->BeginFill(spec, true, true, &second), code::kBadRequest);
  CHECK_OK(fill->PutChunk(0, bytes.data(), bytes.size()));
  CHECK_OK(fill->Finish());
  BlobState state;
  CHECK(fixture.store->FindBlob(spec.digest, &state) && state.in_memory && !state.on_disk);
  // Filling what is there already needs no bytes.
  CHECK_OK(fixture.store->BeginFill(spec, true, true, &second));
  std::vector<uint32_t> indices;
  CHECK_OK(second->Recover(&indices));
  CHECK(indices.size() == 1);
  CHECK_OK(second->Finish());
  CHECK(fixture.store->stats().segments == 1);
}

TEST(FilesAreImportedVerifiedAndDropped) {
  StoreFixture fixture;
  const std::vector<uint8_t> bytes = Bytes(9 << 20, 4);
  const std::string path = fixture.folder.path() + "/derived.ort";
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const BlobSpec spec = SpecOf(bytes, 1 << 20);
  Digest id, sha256;
  uint64_t size_bytes = 0;
  CHECK_OK(fixture.store->ImportFile(path, 1 << 20, &id, &size_bytes));
  CHECK(id == spec.digest && size_bytes == bytes.size());
  const uint64_t used = fixture.store->stats().disk_used_bytes;
  CHECK_OK(fixture.store->ImportFile(path, 1 << 20, &id, &size_bytes));
  CHECK(fixture.store->stats().disk_used_bytes == used);
  bool good = false;
  CHECK_OK(fixture.store->VerifyDisk(id, CutOf(spec), &good, &sha256));
  CHECK(good && sha256 == DigestOf(bytes));
  CHECK_CODE(fixture.store->VerifyDisk(id, {1, 2}, &good, &sha256), code::kBadRequest);
  const std::string stored = fixture.store->DiskPathOf(id);
  std::filesystem::permissions(stored, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  std::fstream(stored, std::ios::in | std::ios::out | std::ios::binary).seekp(5000).put('x').put('y');
  CHECK_OK(fixture.store->VerifyDisk(id, CutOf(spec), &good, &sha256));
  CHECK(!good && fixture.store->DiskPathOf(id).empty() && fixture.store->stats().disk_used_bytes == 0);
  CHECK(!fixture.store->DropDisk(id));
  CHECK_CODE(fixture.store->ImportFile("/nonexistent", 1 << 20, &id, &size_bytes), code::kDiskFailed);
  CHECK_CODE(fixture.store->ImportFile(fixture.folder.path(), 1 << 20, &id, &size_bytes), code::kBadRequest);
  CHECK_CODE(fixture.store->ImportFile(path, 0, &id, &size_bytes), code::kBadRequest);
}

TEST(CatalogEntriesThatContradictThemselvesAreRefused) {
  StoreFixture fixture;
  const Digest digest = fixture.Add(Bytes(10, 1));
  Catalog* catalog = fixture.store->catalog();
  CHECK_CODE(catalog->Publish({"m", {{"a", digest, digest, 10, 0}, {"b", digest, digest, 11, 0}}, {}}, {}), code::kBadRequest);
  CHECK_CODE(catalog->Publish({"m", {{"", digest, digest, 10, 0}}, {}}, {}), code::kBadRequest);
  CHECK_CODE(catalog->Publish({"", {}, {}}, {}), code::kBadRequest);
  CHECK_CODE(catalog->Publish({"m", {{std::string(5000, 'p'), digest, digest, 10, 0}}, {}}, {}), code::kBadRequest);
}

}  // namespace holdfast::test
