// Clients as they should not be: each is closed or refused, and nobody else notices.
#include "server/server.h"

#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "store_fixture.h"

namespace holdfast::test {

// The client is told, then closed; a well-behaved one goes on.
void CheckExpelled(StoreFixture* fixture, RawClient* client) {
  CHECK(client->Receive() == FrameType::kError);
  FrameReader frame = client->frame();
  CHECK(frame.request() == 0 && frame.Str() == code::kStoreProtocol);
  CHECK(client->Receive() == RawClient::kClosed);
  const auto good = fixture->Connect();
  CHECK_OK(OpenNow(good.get(), "acme/x").status);
}

TEST(MalformedFramesCloseTheirConnectionOnly) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {"acme/x"});
  const std::string open = OpenFrame(1, "acme/x");
  std::vector<std::string> bad = {
      "x",
      std::string(100, '\xff'),
      std::string(70000, 'a'),
      open.substr(0, open.size() - 1),
      open + "x",
      OpenFrame(0, "acme/x"),
      HelloFrame(1, 1),
      FrameWriter(FrameType::kModel, 1).Take(),
      FrameWriter(FrameType::kClose, 0).U64(12345).Take(),
      FrameWriter(FrameType::kClose, 0).U32(1).Take(),
      FrameWriter(FrameType::kCancel, 1).U32(1).Take(),
  };
  for (const std::string& bytes : bad) {
    RawClient client(fixture);
    client.Send(bytes);
    CheckExpelled(&fixture, &client);
  }
}

TEST(TheFirstFrameMustBeAGreetingInAVersionThatBothSpeak) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {"acme/x"});
  for (const std::string& bytes : {OpenFrame(1, "acme/x"), HelloFrame(3, 9), HelloFrame(0, 0), HelloFrame(1, 1) + "x",
                                   FrameWriter(FrameType::kHello, 0).Str("HELLO").Take()}) {
    RawClient client(fixture, /*greet=*/false);
    client.Send(bytes);
    CheckExpelled(&fixture, &client);
  }
  RawClient later(fixture, /*greet=*/false);
  later.Send(HelloFrame(1, 7));
  CHECK(later.Receive() == FrameType::kWelcome);
}

TEST(RandomFramesNeverHarmAnybody) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {"acme/x"});
  const auto good = fixture.Connect();
  for (uint64_t seed = 0; seed < 300; seed++) {
    RawClient client(fixture, seed % 2 == 0);
    std::vector<uint8_t> bytes = Bytes(1 + seed * 7 % 300, seed);
    if (bytes.size() > 4 && seed % 3 > 0) {
      bytes[0] = static_cast<uint8_t>(seed % 9);
      bytes[2] = bytes[3] = 0;
    }
    for (int i = 0; i < 5; i++) {
      if (!client.TrySend(std::string(bytes.begin(), bytes.end()))) break;
    }
    if (seed % 50 == 0) CHECK_OK(OpenNow(good.get(), "acme/x").status);
  }
  CHECK_OK(OpenNow(good.get(), "acme/x").status);
}

TEST(NamesAreCheckedWithoutClosing) {
  StoreFixture fixture;
  RawClient client(fixture);
  uint32_t request = 0;
  for (const std::string& name : {std::string(), std::string(513, 'a'), std::string("acme/x\n"), std::string("\xff\xfe")}) {
    client.Send(OpenFrame(++request, name));
    CHECK(client.Receive() == FrameType::kError);
    FrameReader frame = client.frame();
    CHECK(frame.request() == request && frame.Str() == code::kBadModelName);
  }
}

TEST(OneNumberMayNotWaitTwice) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {"acme/x"});
  RawClient client(fixture);
  client.Send(OpenFrame(5, "acme/unknown"));
  client.Send(OpenFrame(5, "acme/unknown"));
  CheckExpelled(&fixture, &client);
}

TEST(LimitsRefuseWithoutClosing) {
  StoreFixture fixture([](StoreOptions* options) { options->server.connections_max = 2;
    options->server.leases_per_connection_max = 3; });
  fixture.Publish("m", {100}, {"acme/x"});
  RawClient client(fixture);
  client.Send(OpenFrame(1, "acme/x"));
  client.Send(OpenFrame(2, "acme/unknown"));
  client.Send(OpenFrame(3, "acme/x"));
  client.Send(OpenFrame(4, "acme/x"));
  CHECK(client.Receive() == FrameType::kModel);
  CHECK(client.Receive() == FrameType::kModel);
  const uint64_t lease = client.frame().U64();
  CHECK(client.Receive() == FrameType::kError);
  FrameReader refused = client.frame();
  CHECK(refused.request() == 4 && refused.Str() == code::kStoreBusy);
  // Room again after a close.
  client.Send(FrameWriter(FrameType::kClose, 0).U64(lease).Take());
  client.Send(OpenFrame(5, "acme/x"));
  CHECK(client.Receive() == FrameType::kModel);

  const auto second = fixture.Connect();
  std::shared_ptr<Client> third;
  CHECK_CODE(Client::Connect(fixture.options.server.socket_path, 10000, &third), code::kStoreBusy);
  CHECK_OK(OpenNow(second.get(), "acme/x").status);
}

TEST(NoProcessAndNoUserTakesTheStoreFromOthers) {
  for (const bool of_process : {true, false}) {
    StoreFixture fixture([&](StoreOptions* options) { (of_process ? options->server.shares.per_process_max : options->server.shares.per_user_max) = 2; });
    fixture.Publish("m", {100}, {"acme/x"});
    const auto first = fixture.Connect();
    auto second = fixture.Connect();
    std::shared_ptr<Client> third;
    CHECK_CODE(Client::Connect(fixture.options.server.socket_path, 10000, &third), code::kStoreBusy);
    CHECK_OK(OpenNow(first.get(), "acme/x").status);
    CHECK_OK(OpenNow(second.get(), "acme/x").status);
  }
  ConnectionShares shares({2, 3});
  const ucred one = {10, 1000, 0}, other = {11, 1000, 0}, foreign = {12, 1001, 0};
  for (const ucred& peer : {one, one, other}) shares.Add(peer);
  CHECK(!shares.Refusal(one).empty() && !shares.Refusal(other).empty() && shares.Refusal(foreign).empty());
  shares.Remove(one);
  CHECK(shares.Refusal(one).empty() && shares.OfProcess(one) == 1 && shares.OfProcess(foreign) == 0);
  // Of a container that cannot be looked into: no process has them all.
  const ucred hidden = {0, 1002, 0};
  shares.Add(hidden);
  shares.Add(hidden);
  CHECK(shares.Refusal(hidden).empty());
  shares.Add(hidden);
  CHECK(!shares.Refusal(hidden).empty());
}

TEST(AConnectionThatDoesNotGreetIsEndedAndGivesWay) {
  StoreFixture timed([](StoreOptions* options) { options->server.greeting_timeout_ms = 50; });
  timed.Publish("m", {100}, {"acme/x"});
  const auto good = timed.Connect();
  RawClient silent(timed, /*greet=*/false);
  CheckExpelled(&timed, &silent);
  CHECK_OK(OpenNow(good.get(), "acme/x").status);

  StoreFixture full([](StoreOptions* options) { options->server.connections_max = 2; });
  full.Publish("m", {100}, {"acme/x"});
  RawClient oldest(full, /*greet=*/false);
  RawClient second(full, /*greet=*/false);
  const auto newcomer = full.Connect();
  CHECK(oldest.Receive() == FrameType::kError);
  FrameReader frame = oldest.frame();
  CHECK(frame.request() == 0 && frame.Str() == code::kStoreBusy);
  CHECK(oldest.Receive() == RawClient::kClosed);
  CHECK_OK(OpenNow(newcomer.get(), "acme/x").status);
}

TEST(AClientThatDoesNotReadIsNotReadFrom) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {"acme/x"});
  RawClient flooding(fixture);
  // Each asks for an error answer. The socket's buffers and the queue of 64 fill, then the store stops reading.
  size_t sent = 0;
  uint32_t request = 0;
  const auto good = fixture.Connect();
  while (sent < 1000000) {
    if (!flooding.TrySend(OpenFrame(++request, ""))) {
      // Only when it still does not read after it has served another client is it really blocked.
      CHECK_OK(OpenNow(good.get(), "acme/x").status);
      if (!flooding.TrySend(OpenFrame(++request, ""))) break;
    }
    sent++;
  }
  CHECK(sent < 1000000);
  // And goes on when the client reads.
  for (size_t i = 0; i < sent; i++) CHECK(flooding.Receive() == FrameType::kError);
}

TEST(AListenerThatCannotHearMoreStopsTheReading) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {"acme/x"});
  const auto client = fixture.Connect();
  fixture.deaf = true;
  auto waiting = OpenLater(client.get(), "acme/x");
  // The deadline of another open shows that time passes without an answer.
  CHECK_CODE(OpenLater(client.get(), "acme/x", 50).get().status, code::kDeadlineExceeded);
  CHECK(fixture.opened == 0);
  fixture.deaf = false;
  CHECK_OK(waiting.get().status);
}

TEST(DescriptorsThatAClientSendsAreDropped) {
  StoreFixture fixture;
  fixture.Publish("m", {100}, {"acme/x"});
  RawClient client(fixture);
  const auto count = [] {
    size_t fds = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) fds += !entry.path().empty();
    return fds;
  };
  const size_t before = count();
  for (uint32_t i = 1; i <= 20; i++) {
    CHECK(SendFrameTo(client.fd(), {OpenFrame(i, ""), std::vector<int>(10, client.fd())}) == 0);
    CHECK(client.Receive() == FrameType::kError);
  }
  CHECK(count() == before);
}

TEST(AStaleSocketIsReplacedALiveOneIsNot) {
  StoreFixture fixture;
  std::unique_ptr<Server> second;
  CHECK_CODE(Server::Start(fixture.options.server, fixture.store->catalog(), &fixture, &second), code::kBadConfig);
  struct stat info;
  CHECK(stat(fixture.options.server.socket_path.c_str(), &info) == 0 && (info.st_mode & 0777) == 0660);

  ServerOptions stale = fixture.options.server;
  stale.socket_path = fixture.folder.path() + "/sub/stale.sock";
  {
    UniqueFd abandoned;
    CHECK_OK(ListenOn(stale.socket_path, &abandoned));
  }
  CHECK_OK(Server::Start(stale, fixture.store->catalog(), &fixture, &second));
  second->Stop();
  CHECK(!std::filesystem::exists(stale.socket_path));

  // A file that is no socket is somebody's, and stays.
  std::ofstream(stale.socket_path) << "precious";
  CHECK_CODE(Server::Start(stale, fixture.store->catalog(), &fixture, &second), code::kSystem);
  CHECK(std::filesystem::file_size(stale.socket_path) == 8);
  stale.socket_path = "/tmp/" + std::string(120, 'x');
  CHECK_CODE(Server::Start(stale, fixture.store->catalog(), &fixture, &second), code::kBadConfig);
}

}  // namespace holdfast::test
