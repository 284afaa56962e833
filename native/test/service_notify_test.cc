#include "os/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "harness.h"
#include "os/unique_fd.h"

namespace holdfast::test {

UniqueFd Listen(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  CHECK(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
  return fd;
}

std::string Receive(int fd) {
  char buffer[256];
  const ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  CHECK(got >= 0);
  return std::string(buffer, static_cast<size_t>(got));
}

TEST(ADatagramArrivesAsItWasSent) {
  const TempFolder folder;
  const std::string path = folder.path() + "/notify";
  const UniqueFd listener = Listen(path);
  CHECK_OK(NotifyService(path, "READY=1\nSTATUS=up"));
  CHECK(Receive(listener.get()) == "READY=1\nSTATUS=up");
}

TEST(AnAbstractNameBeginsWithAnAt) {
  const std::string name = "holdfast-notify-test-" + std::to_string(getpid());
  const UniqueFd listener = Listen(std::string(1, '\0') + name);
  CHECK_OK(NotifyService("@" + name, "WATCHDOG=1"));
  CHECK(Receive(listener.get()) == "WATCHDOG=1");
}

TEST(NobodyWhoListensIsAnErrorAndNoWait) {
  const TempFolder folder;
  CHECK_CODE(NotifyService(folder.path() + "/nobody", "READY=1"), code::kSystem);
  CHECK_CODE(NotifyService("", "READY=1"), code::kSystem);
  CHECK_CODE(NotifyService("/" + std::string(200, 'x'), "READY=1"), code::kSystem);
}

}  // namespace holdfast::test
