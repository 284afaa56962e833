// libFuzzer: a real store behind its socket, and a client that sends what the fuzzer says: frames of a length byte pair and bytes each.
// Another client opens a model after every input; that has to go well.
#include <dirent.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <future>

#include "store_fixture.h"

namespace {

using namespace holdfast;
using namespace holdfast::test;

struct Target {
  StoreFixture fixture;
  std::shared_ptr<Client> good;

  Target() {
    fixture.Publish("m", {100, 5}, {"acme/x"});
    AccessRule rule;
    rule.uids = {getuid()};
    rule.models = {"acme/*"};
    rule.may_list = true;
    fixture.store->server()->SetAccess({rule});
    good = fixture.Connect();
  }
};

size_t OpenFiles() {
  size_t count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) count++;
  closedir(folder);
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  static auto* target = new Target();
  static const size_t files_before = OpenFiles();
  {
    UniqueFd socket;
    CHECK_OK(ConnectTo(target->fixture.options.server.socket_path, &socket));
    if (size_bytes > 0 && *data % 4 != 0) {
      const std::string hello = HelloFrame(1, *data % 4 == 1 ? 1 : 2);
      CHECK(send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL) > 0);
    }
    size_t at = 1;
    while (at + 2 <= size_bytes) {
      const size_t wanted = data[at] | static_cast<size_t>(data[at + 1]) << 8;
      at += 2;
      const size_t part = std::min(wanted, size_bytes - at);
      Frame frame{std::string(reinterpret_cast<const char*>(data) + at, part), {}};
      // Some frames bring descriptors, of whatever.
      for (size_t i = 0; part > 0 && i < data[at] % 4u; i++) frame.fds.push_back(socket.get());
      if (SendFrameTo(socket.get(), frame) != 0) break;
      at += part;
    }
  }
  const Opened opened = OpenNow(target->good.get(), "acme/x");
  CHECK_OK(opened.status);
  CHECK(opened.model->blob(0).size_bytes == 100);
  // Two turns of the server later everything that the other one brought is closed.
  CHECK_OK(OpenNow(target->good.get(), "acme/x").status);
  if (OpenFiles() > files_before + 64) std::abort();
  MutexLock lock(&target->fixture.mutex);
  target->fixture.misses.clear();
  return 0;
}
