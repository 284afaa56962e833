// Segments as files of a folder: when names appear and go, and who may have the folder.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "store_fixture.h"

namespace holdfast::test {

namespace fs = std::filesystem;

namespace {

// A folder in shared memory that goes with the object.
class MemoryFolder {
 public:
  MemoryFolder() { CHECK(mkdtemp(path_.data()) != nullptr && chmod(path_.c_str(), 0755) == 0); }
  ~MemoryFolder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/dev/shm/holdfast-test-XXXXXX";
};

std::function<void(StoreOptions*)> ExportTo(const std::string& path) {
  return [path](StoreOptions* options) { options->export_path = path; };
}

std::vector<uint8_t> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  CHECK(file.good());
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

size_t FilesIn(const std::string& path) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(path)) count++;
  return count;
}

Status OpenWith(const std::function<void(StoreOptions*)>& adjust) {
  StoreFixture other;
  StoreOptions options = other.options;
  options.server.socket_path += "-2";
  options.disk_path += "-2";
  adjust(&options);
  std::unique_ptr<Store> store;
  return Store::Open(options, &other, &store);
}

}  // namespace

TEST(a_model_stands_in_the_folder_under_its_name_and_its_digest) {
  MemoryFolder folder;
  StoreFixture fixture(ExportTo(folder.path()));
  const Model model = fixture.Publish("d1", {100000, 0, 3}, {"acme/x:v1"});
  for (size_t i = 0; i < 3; i++) {
    const std::vector<uint8_t> bytes = Bytes(model.files[i].size_bytes, i + 1);
    CHECK(ReadFile(folder.path() + "/models/acme/x/v1/" + model.files[i].path) == bytes);
    CHECK(ReadFile(folder.path() + "/digests/d1/" + model.files[i].path) == bytes);
    struct stat info;
    CHECK(stat((folder.path() + "/blobs/" + model.files[i].id.ToHex()).c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0444 && static_cast<uint64_t>(info.st_size) == bytes.size());
  }
  CHECK(fixture.store->ExportedPathOf("d1") == folder.path() + "/digests/d1");
  CHECK(fixture.store->ExportedPathOf("d2").empty());
}

TEST(a_client_maps_the_pages_that_the_path_names) {
  MemoryFolder folder;
  StoreFixture fixture(ExportTo(folder.path()));
  fixture.Publish("d1", {100000}, {"acme/x"});
  const std::shared_ptr<Client> client = fixture.Connect();
  const Opened opened = OpenNow(client.get(), "acme/x");
  CHECK_OK(opened.status);
  const std::vector<uint8_t> bytes = Bytes(100000, 1);
  CHECK(std::memcmp(opened.model->blob(0).data, bytes.data(), bytes.size()) == 0);
  struct stat named;
  CHECK(stat((folder.path() + "/models/acme/x/latest/file-0").c_str(), &named) == 0);
  char address[32];
  std::snprintf(address, sizeof address, "%lx-", reinterpret_cast<unsigned long>(opened.model->blob(0).data));
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line) && !line.starts_with(address)) continue;
  CHECK(line.find(" r--s ") != std::string::npos);
  CHECK(line.find(" " + std::to_string(named.st_ino) + " ") != std::string::npos);
  client->Close();
}

TEST(what_arrives_has_no_name_before_it_is_complete) {
  MemoryFolder folder;
  StoreFixture fixture(ExportTo(folder.path()));
  const std::vector<uint8_t> bytes = Bytes(20000, 1);
  const BlobSpec spec = SpecOf(bytes, 10000);
  std::shared_ptr<Fill> fill;
  CHECK_OK(fixture.store->BeginFill(spec, true, false, &fill));
  CHECK_OK(fixture.store->catalog()->Publish({"d1", {{"sub/file", spec.digest, DigestOf(bytes), bytes.size(), 0}}, {}}, {"acme/x:v1"}));
  CHECK_OK(fill->PutChunk(0, bytes.data(), 10000));
  CHECK(FilesIn(folder.path() + "/blobs") == 0 && FilesIn(folder.path() + "/digests") == 0);
  CHECK(FilesIn(folder.path() + "/models") == 0 && fixture.store->ExportedPathOf("d1").empty());
  const std::shared_ptr<Client> client = fixture.Connect();
  OpenRequest request;
  request.name = "acme/x:v1";
  request.arriving = true;
  std::promise<Opened> promise;
  client->Open(std::move(request), [&](Status status, std::unique_ptr<OpenedModel> model) {
    promise.set_value({std::move(status), std::move(model)});
  });
  const Opened opened = promise.get_future().get();
  CHECK_OK(opened.status);
  CHECK_OK(fill->PutChunk(1, bytes.data() + 10000, 10000));
  CHECK_OK(fill->Finish());
  const uint8_t* data = nullptr;
  CHECK_OK(opened.model->WaitRange(0, 0, bytes.size(), kNoDeadline, &data));
  CHECK(std::memcmp(data, bytes.data(), bytes.size()) == 0);
  CHECK(ReadFile(folder.path() + "/models/acme/x/v1/sub/file") == bytes);
  client->Close();
}

TEST(an_evicted_model_leaves_the_folder_and_a_leased_one_stays) {
  MemoryFolder folder;
  StoreFixture fixture(ExportTo(folder.path()));
  const Model model = fixture.Publish("d1", {5000, 6000}, {"acme/x:v1"});
  const std::shared_ptr<Client> client = fixture.Connect();
  Opened opened = OpenNow(client.get(), "acme/x:v1");
  CHECK_OK(opened.status);
  CHECK(!fixture.store->DropMemory(model.files[0].id));
  CHECK(ReadFile(folder.path() + "/models/acme/x/v1/file-0").size() == 5000);
  opened.model.reset();
  fixture.Await([&] { return fixture.closed == 1; });
  CHECK(fixture.store->DropMemory(model.files[0].id));
  CHECK(FilesIn(folder.path() + "/models") == 0 && FilesIn(folder.path() + "/digests") == 0);
  CHECK(FilesIn(folder.path() + "/blobs") == 1);
  CHECK(fixture.store->stats().memory_used_bytes == MemoryBudget::PageRounded(6000));
  // What comes back is there again.
  fixture.Add(Bytes(5000, 1));
  CHECK(ReadFile(folder.path() + "/models/acme/x/v1/file-0") == Bytes(5000, 1));
  client->Close();
}

TEST(a_tag_that_moves_leads_to_the_new_model) {
  MemoryFolder folder;
  StoreFixture fixture(ExportTo(folder.path()));
  fixture.Publish("d1", {5000}, {"acme/x:v1"});
  fixture.Publish("d2", {5000, 7}, {"acme/x:v1"});
  CHECK(FilesIn(folder.path() + "/models/acme/x/v1/") == 2);
  CHECK(FilesIn(folder.path() + "/digests") == 2);
  fixture.store->catalog()->Unpublish("d2");
  CHECK(FilesIn(folder.path() + "/models") == 0 && FilesIn(folder.path() + "/digests") == 1);
  // Nothing that a name or a path says may lie outside of the folder.
  CHECK_OK(fixture.store->catalog()->Publish({"d3", {{"../../escape", IdOf(Bytes(5000, 1)), DigestOf(Bytes(5000, 1)), 5000, 0}}, {}}, {"acme/y:v1"}));
  CHECK_OK(fixture.store->catalog()->Publish({"d4", {{"file", IdOf(Bytes(5000, 1)), DigestOf(Bytes(5000, 1)), 5000, 0}}, {}}, {"../../z:v1"}));
  CHECK(fixture.store->ExportedPathOf("d3").empty() && !fixture.store->ExportedPathOf("d4").empty());
  CHECK(FilesIn(folder.path() + "/models") == 0 && FilesIn(folder.path()) == 4);
}

TEST(the_limit_holds_and_promotions_are_exported_too) {
  MemoryFolder folder;
  StoreFixture fixture([&](StoreOptions* options) {
    options->export_path = folder.path();
    options->memory_limit_bytes = 8192;
  });
  const Digest digest = fixture.Add(Bytes(8000, 1), false, true);
  std::promise<Status> promoted;
  fixture.store->Promote(digest, nullptr, [&](Status status) { promoted.set_value(std::move(status)); });
  CHECK_OK(promoted.get_future().get());
  CHECK(ReadFile(folder.path() + "/blobs/" + digest.ToHex()) == Bytes(8000, 1));
  const std::vector<uint8_t> more = Bytes(1, 2);
  const BlobSpec spec = SpecOf(more);
  std::shared_ptr<Fill> fill;
  CHECK_CODE(fixture.store->BeginFill(spec, true, false, &fill), code::kMemoryFull);
}

TEST(a_store_that_ends_leaves_nothing_and_one_that_died_is_cleared_away) {
  MemoryFolder folder;
  {
    StoreFixture fixture(ExportTo(folder.path()));
    fixture.Publish("d1", {5000}, {"acme/x:v1"});
  }
  CHECK(FilesIn(folder.path() + "/blobs") == 0 && FilesIn(folder.path() + "/models") == 0);
  std::ofstream(folder.path() + "/blobs/left") << "bytes";
  fs::create_directories(folder.path() + "/models/acme/x");
  StoreFixture next(ExportTo(folder.path()));
  CHECK(FilesIn(folder.path() + "/blobs") == 0 && FilesIn(folder.path() + "/models") == 0);
  CHECK_CODE(OpenWith(ExportTo(folder.path())), code::kBadConfig);
}

TEST(a_folder_that_is_no_place_for_segments_is_refused) {
  TempFolder disk;
  struct statfs system;
  if (statfs(disk.path().c_str(), &system) == 0 && system.f_type != TMPFS_MAGIC) {
    CHECK_CODE(OpenWith(ExportTo(disk.path() + "/export")), code::kBadConfig);
    CHECK(!fs::exists(disk.path() + "/export"));
  }
  MemoryFolder folder;
  CHECK_CODE(OpenWith(ExportTo(folder.path() + "/a/b")), code::kBadConfig);
  CHECK_CODE(OpenWith([&](StoreOptions* options) {
               options->export_path = folder.path();
               options->memory_limit_bytes = uint64_t{1} << 60;
             }),
             code::kBadConfig);
  std::ofstream(folder.path() + "/mine") << "bytes";
  CHECK_CODE(OpenWith(ExportTo(folder.path())), code::kBadConfig);
  CHECK(fs::exists(folder.path() + "/mine"));
  fs::remove(folder.path() + "/mine");
  CHECK(chmod(folder.path().c_str(), 0777) == 0);
  CHECK_CODE(OpenWith(ExportTo(folder.path())), code::kBadConfig);
}

}  // namespace holdfast::test
