#include "os/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "os/unique_fd.h"

namespace holdfast {

Status NotifyService(const std::string& socket_path, const std::string& text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.empty() || socket_path.size() >= sizeof address.sun_path) {
    return Status::Error(code::kSystem, "$NOTIFY_SOCKET is empty or too long.");
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  // An abstract name begins with a zero byte, which no environment variable can hold.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_path.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Status::Errno(code::kSystem, "Cannot open the socket of the service manager", errno);
  const ssize_t sent =
      sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
  if (sent == static_cast<ssize_t>(text.size())) return Status();
  return Status::Errno(code::kSystem, "Cannot send to the service manager", errno);
}

}  // namespace holdfast
