// What a client may try with what it was given, or with what it hands over: each fails with its code, and another client goes on.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "client/session.h"
#include "store_fixture.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace holdfast::test {

constexpr size_t kLargeBytes = 2 << 20;

struct Hostile : StoreFixture {
  std::vector<uint8_t> bytes = Bytes(kLargeBytes, 1);
  std::shared_ptr<Client> good;

  Hostile() {
    Publish("m", {kLargeBytes}, {"acme/x:latest"});
    good = Connect();
  }
  // The store calls this object, so its threads end while it is whole.
  ~Hostile() override {
    good->Close();
    store->Close();
  }

  // The bytes are as they were, and others are served.
  void CheckUnharmed() {
    const Opened opened = OpenNow(good.get(), "acme/x");
    CHECK_OK(opened.status);
    const MappedBlob blob = opened.model->blob(0);
    CHECK(blob.size_bytes == bytes.size() && std::equal(bytes.begin(), bytes.end(), blob.data));
    CHECK_OK(store->CheckInvariants());
  }
};

void CheckCannotWrite(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  struct stat info;
  CHECK(fstat(fd, &info) == 0);
  const auto size_bytes = static_cast<size_t>(info.st_size);
  CHECK(write(fd, "x", 1) < 0);
  CHECK(ftruncate(fd, 0) < 0 && ftruncate(fd, info.st_size + 4096) < 0);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
  CHECK(mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  void* map = mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, fd, 0);
  CHECK(map != MAP_FAILED);
  CHECK(mprotect(map, size_bytes, PROT_READ | PROT_WRITE) < 0);
  CHECK(munmap(map, size_bytes) == 0);
  // Root may open the file for writing: still no byte changes.
  const UniqueFd again(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (again.valid()) {
    CHECK(pwrite(again.get(), "x", 1, 0) < 0 && errno == EPERM);
    CHECK(ftruncate(again.get(), 0) < 0);
    CHECK(fallocate(again.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
    CHECK(mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0) == MAP_FAILED);
  }
  CHECK(open(path.c_str(), O_RDWR | O_TRUNC | O_CLOEXEC) < 0);
  // A debugger writes through the mapping of the debugged: read-only shared pages refuse it too.
  map = mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, fd, 0);
  const UniqueFd memory(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
  if (memory.valid()) CHECK(pwrite(memory.get(), "x", 1, reinterpret_cast<off_t>(map)) < 0);
  CHECK(munmap(map, size_bytes) == 0);
}

TEST(NobodyWritesToASegment) {
  Hostile fixture;
  const auto client = fixture.Connect();
  const Opened opened = OpenNow(client.get(), "acme/x");
  CheckCannotWrite(opened.model->blob_fd(0));
  CHECK(fcntl(opened.model->blob_fd(0), F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0);
  fixture.CheckUnharmed();
}

// A model of two chunks, the first of which is there.
std::shared_ptr<Fill> BeginLate(Hostile* fixture, const std::vector<uint8_t>& bytes) {
  const BlobSpec spec = SpecOf(bytes, bytes.size() / 2);
  std::shared_ptr<Fill> fill;
  CHECK_OK(fixture->store->BeginFill(spec, true, false, &fill));
  CHECK_OK(fixture->store->catalog()->Publish({"late", {{"w", spec.digest, DigestOf(bytes), spec.size_bytes, 0}}, {}}, {"acme/late"}));
  CHECK_OK(fill->PutChunk(0, bytes.data(), bytes.size() / 2));
  return fill;
}

TEST(NobodyWritesToWhatArrivesNorToItsReadyPage) {
  Hostile fixture;
  const std::vector<uint8_t> bytes = Bytes(kLargeBytes, 7);
  const std::shared_ptr<Fill> fill = BeginLate(&fixture, bytes);
  RawClient modern(fixture, /*greet=*/false);
  modern.Send(HelloFrame(1, 2));
  CHECK(modern.Receive() == FrameType::kWelcome);
  modern.Send(FrameWriter(FrameType::kOpen, 1).U64(kNoDeadline).Str("acme/late").Str("").U32(kOpenArriving).Take());
  std::vector<uint8_t> buffer;
  size_t size_bytes = 0;
  std::vector<UniqueFd> fds;
  int error;
  do {
    error = ReceiveFrame(modern.fd(), &buffer, &size_bytes, &fds);
  } while (error == EAGAIN);
  CHECK(error == 0 && fds.size() == 2);
  CheckCannotWrite(fds[0].get());
  CheckCannotWrite(fds[1].get());
  // The fill goes on as if nothing had been tried.
  CHECK_OK(fill->PutChunk(1, bytes.data() + bytes.size() / 2, bytes.size() / 2));
  CHECK_OK(fill->Finish());
  CheckCannotWrite(fds[0].get());
  fixture.CheckUnharmed();
}

// A memfd with these bytes and seals.
UniqueFd MakeMemfd(const std::vector<uint8_t>& bytes, int seals) {
  UniqueFd fd(memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  CHECK(write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  CHECK(fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
  return fd;
}

TEST(APageThatAReaderKeepsBusyHoldsNoModelBack) {
  Hostile fixture;
  const std::vector<uint8_t> bytes = Bytes(kLargeBytes, 8);
  const std::shared_ptr<Fill> fill = BeginLate(&fixture, bytes);
  const auto client = fixture.Connect();
  std::promise<Opened> promise;
  OpenRequest request;
  request.name = "acme/late";
  request.arriving = true;
  client->Open(std::move(request), [&](Status status, std::unique_ptr<OpenedModel> model) {
    promise.set_value({std::move(status), std::move(model)});
  });
  const Opened early = promise.get_future().get();
  CHECK_OK(early.status);
  const uint8_t* first = nullptr;
  CHECK_OK(early.model->WaitRange(0, 0, 4096, kNoDeadline, &first));
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  const iovec page = {const_cast<uint8_t*>(first), 4096};
  CHECK(vmsplice(writing.get(), &page, 1, 0) == 4096);
  CHECK_OK(fill->PutChunk(1, bytes.data() + bytes.size() / 2, bytes.size() / 2));
  CHECK_OK(fill->Finish());
  // Complete for everybody, and nobody writes to it.
  const Opened late = OpenNow(fixture.good.get(), "acme/late");
  CHECK_OK(late.status);
  CHECK(std::equal(bytes.begin(), bytes.end(), late.model->blob(0).data));
  CheckCannotWrite(late.model->blob_fd(0));
  std::vector<uint8_t> spliced(4096);
  CHECK(read(reading.get(), spliced.data(), spliced.size()) == 4096 && std::equal(spliced.begin(), spliced.end(), bytes.begin()));
  fixture.CheckUnharmed();
}

constexpr int kAllSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

// Offers one segment under a name, and lets the store look at it.
Status Offer(Hostile* fixture, UniqueFd fd, const std::vector<uint8_t>& bytes, uint64_t size_bytes) {
  const BlobSpec spec = SpecOf(bytes, 1 << 20);
  const auto client = fixture->Connect();
  OpenRequest request;
  request.name = "acme/held";
  request.digest = "held";
  request.held.push_back({DigestOf(bytes), size_bytes, std::move(fd)});
  size_t seen;
  {
    MutexLock lock(&fixture->mutex);
    seen = fixture->misses.size();
  }
  std::promise<Status> opened;
  client->Open(std::move(request), [&](Status status, std::unique_ptr<OpenedModel>) { opened.set_value(std::move(status)); });
  fixture->Await([&] { return fixture->misses.size() > seen; });
  const OpenMiss miss = fixture->misses.back();
  CHECK(miss.held_digest == "held" && miss.held_bytes == size_bytes);
  std::promise<std::vector<Reattached>> done;
  const Status reserved = fixture->store->Reattach(miss.request_id, {{spec.digest, DigestOf(bytes), CutOf(spec)}},
                                                   [&](std::vector<Reattached> result) { done.set_value(std::move(result)); });
  Status status = reserved;
  if (reserved.ok()) {
    std::vector<Reattached> result = done.get_future().get();
    CHECK(result.size() == 1);
    status = result[0].status;
  }
  fixture->store->server()->Refuse(miss.request_id, "NO_SOURCE", "seen enough");
  CHECK_CODE(opened.get_future().get(), "NO_SOURCE");
  client->Close();
  return status;
}

TEST(OnlyASealedSegmentOfTheRightBytesIsTakenBack) {
  Hostile fixture;
  const std::vector<uint8_t> bytes = Bytes(kLargeBytes, 5);
  const Digest id = SpecOf(bytes, 1 << 20).digest;
  const uint64_t before = fixture.store->stats().memory_used_bytes;
  CHECK_CODE(Offer(&fixture, MakeMemfd(bytes, F_SEAL_GROW | F_SEAL_SHRINK), bytes, bytes.size()), code::kBadRequest);
  CHECK_CODE(Offer(&fixture, MakeMemfd(bytes, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL), bytes, bytes.size()), code::kBadRequest);
  CHECK_CODE(Offer(&fixture, MakeMemfd(bytes, kAllSeals), bytes, bytes.size() - 1), code::kBadRequest);
  CHECK_CODE(Offer(&fixture, MakeMemfd(Bytes(kLargeBytes, 6), kAllSeals), bytes, bytes.size()), code::kDigestMismatch);
  CHECK_CODE(Offer(&fixture, UniqueFd(open("/dev/zero", O_RDONLY | O_CLOEXEC)), bytes, bytes.size()), code::kBadRequest);
  CHECK_CODE(Offer(&fixture, UniqueFd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), bytes, bytes.size()), code::kBadRequest);
  CHECK_CODE(Offer(&fixture, MakeMemfd(bytes, kAllSeals), bytes, uint64_t{1} << 60), code::kTooLarge);
  CHECK(fixture.store->stats().memory_used_bytes == before);
  CHECK_OK(Offer(&fixture, MakeMemfd(bytes, kAllSeals), bytes, bytes.size()));
  CHECK(fixture.store->stats().memory_used_bytes == before + MemoryBudget::PageRounded(bytes.size()));
  // Once more: the same blob, other memory.
  CHECK_CODE(Offer(&fixture, MakeMemfd(bytes, kAllSeals), bytes, bytes.size()), code::kBadRequest);
  std::vector<uint8_t> read(bytes.size());
  bool found = false;
  CHECK_OK(fixture.store->Read(id, 0, read.size(), read.data(), &found));
  CHECK(found && read == bytes);
  CHECK(fixture.store->DropMemory(id) && fixture.store->stats().memory_used_bytes == before);
  fixture.CheckUnharmed();
}

TEST(RulesDecideWhoOpensAndLists) {
  Hostile fixture;
  fixture.Publish("secret-digest", {100}, {"other/secret:latest"});
  const std::string token = "correct horse";
  AccessRule rule;
  rule.tenant = "team-a";
  rule.token_digests.push_back(Sha256::Of(token.data(), token.size()));
  rule.models = {"acme/*"};
  rule.may_list = true;
  const auto before = fixture.Connect();
  fixture.store->server()->SetAccess({rule});
  // Connections of before are ended, and with them their leases.
  const auto ended = OpenNow(before.get(), "acme/x");
  CHECK(ended.status.Is(code::kUnauthorized) || ended.status.Is(code::kStoreUnreachable));
  std::shared_ptr<Client> client;
  CHECK_CODE(Client::Connect(fixture.options.server.socket_path, "wrong", 5000, nullptr, &client), code::kUnauthorized);
  const auto nobody = fixture.Connect();
  CHECK_CODE(OpenNow(nobody.get(), "acme/x").status, code::kUnauthorized);
  CHECK_OK(Client::Connect(fixture.options.server.socket_path, token, 5000, nullptr, &client));
  CHECK_OK(OpenNow(client.get(), "acme/x").status);
  CHECK_OK(OpenNow(client.get(), "sha256:m").status);
  // The same answer whether there is such a model or not.
  for (const char* name : {"other/secret", "sha256:secret-digest", "sha256:nothing", "other/nothing", "acmex/x"}) {
    CHECK_CODE(OpenNow(client.get(), name).status, code::kUnauthorized);
  }
  std::promise<std::vector<std::string>> listed;
  client->List("", 5000, [&](Status status, std::vector<std::string> names, std::string next) {
    CHECK_OK(status);
    CHECK(next.empty());
    listed.set_value(std::move(names));
  });
  CHECK(listed.get_future().get() == std::vector<std::string>{"acme/x:latest"});
  // By user, without the right to list; the lease is the rule's tenant's.
  AccessRule by_user;
  by_user.uids = {getuid()};
  by_user.models = {"acme/x"};
  fixture.store->server()->SetAccess({by_user});
  fixture.good = fixture.Connect();
  CHECK_OK(OpenNow(fixture.good.get(), "acme/x").status);
  std::promise<Status> refused;
  fixture.good->List("", 5000, [&](Status status, std::vector<std::string>, std::string) { refused.set_value(std::move(status)); });
  CHECK_CODE(refused.get_future().get(), code::kUnauthorized);
  by_user.uids = {getuid() + 1};
  fixture.store->server()->SetAccess({by_user});
  CHECK_CODE(OpenNow(fixture.Connect().get(), "acme/x").status, code::kUnauthorized);
  fixture.store->server()->SetAccess({});
  fixture.good = fixture.Connect();
  fixture.CheckUnharmed();
}

TEST(ForgedLeasesAndHalfFramesEndTheirConnectionOnly) {
  Hostile fixture;
  const Opened held = OpenNow(fixture.good.get(), "acme/x");
  for (uint64_t lease = 0; lease < 50; lease++) {
    RawClient client(fixture);
    client.Send(FrameWriter(FrameType::kClose, 0).U64(lease).Take());
    CHECK(client.Receive() == FrameType::kError && client.Receive() == RawClient::kClosed);
  }
  const std::string reattach = FrameWriter(FrameType::kReattach, 1).U64(0).Str("acme/x").Str("").U32(0).Str("m").U32(3).Take();
  for (const std::string& frame : {reattach, FrameWriter(FrameType::kAuth, 0).U16(60000).Take(), FrameWriter(FrameType::kStatus, 0).Take(),
                                   FrameWriter(FrameType::kList, 1).Take(), std::string(), std::string(3, '\0')}) {
    RawClient client(fixture, /*greet=*/false);
    client.Send(HelloFrame(2, 2));
    CHECK(client.Receive() == FrameType::kWelcome);
    if (frame.empty()) continue;
    client.Send(frame);
    CHECK(client.Receive() == FrameType::kError && client.Receive() == RawClient::kClosed);
  }
  CHECK(fixture.store->stats().leases == 1);
  fixture.CheckUnharmed();
}

TEST(DescriptorsThatAreOfferedAreBounded) {
  Hostile fixture;
  const auto client = fixture.Connect();
  const auto open_files = [] {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += !entry.path().empty();
    return count;
  };
  const size_t before = open_files();
  std::vector<std::promise<Status>> ends(8);
  for (size_t i = 0; i < ends.size(); i++) {
    OpenRequest request;
    request.name = "acme/none";
    request.digest = "none";
    for (size_t j = 0; j < kFdsPerFrameMax; j++) {
      request.held.push_back({Digest(), 1, UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC))});
    }
    client->Open(std::move(request), [&ends, i](Status status, std::unique_ptr<OpenedModel>) { ends[i].set_value(std::move(status)); });
    fixture.Await([&] { return fixture.misses.size() > i; });
    CHECK(open_files() <= before + 512 + kFdsPerFrameMax);
  }
  fixture.CheckUnharmed();
  client->Close();
  for (auto& end : ends) CHECK_CODE(end.get_future().get(), code::kStoreUnreachable);
  const auto again = fixture.Connect();
  // The news of the end has come by the time that another connection is served.
  CHECK_OK(OpenNow(again.get(), "acme/x").status);
  again->Close();
}

}  // namespace holdfast::test
