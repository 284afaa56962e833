#include "os/socket_io.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace holdfast {

Status AddressOf(const std::string& path, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address->sun_path) {
    return Status::Error(code::kBadConfig, "The socket path " + path + " must have 1 to " +
                                               std::to_string(sizeof address->sun_path - 1) + " bytes.");
  }
  std::memcpy(address->sun_path, path.data(), path.size());
  return Status();
}

UniqueFd NewSocket() { return UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

int ConnectSocket(int fd, const sockaddr_un& address) {
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

int SendFrameTo(int fd, const Frame& frame) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kFdsPerFrameMax)];
  iovec part = {const_cast<char*>(frame.bytes.data()), frame.bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!frame.fds.empty()) {
    const size_t fds_bytes = sizeof(int) * frame.fds.size();
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds_bytes);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds_bytes);
    std::memcpy(CMSG_DATA(header), frame.fds.data(), fds_bytes);
  }
  for (;;) {
    if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

int ReceiveFrame(int fd, std::vector<uint8_t>* buffer, size_t* size_bytes, std::vector<UniqueFd>* fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kFdsPerFrameMax)];
  buffer->resize(kFrameBytesMax);
  iovec part = {buffer->data(), buffer->size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int received;
      std::memcpy(&received, CMSG_DATA(header) + i * sizeof(int), sizeof received);
      fds->emplace_back(received);
    }
  }
  *size_bytes = static_cast<size_t>(got);
  if ((message.msg_flags & MSG_TRUNC) != 0) return EMSGSIZE;
  if ((message.msg_flags & MSG_CTRUNC) != 0) return EMFILE;
  return 0;
}

Status ConnectTo(const std::string& path, UniqueFd* fd) {
  sockaddr_un address;
  Status status = AddressOf(path, &address);
  if (!status.ok()) return status;
  UniqueFd connected = NewSocket();
  if (!connected.valid()) return Status::Errno(code::kSystem, "Cannot create a socket", errno);
  const int error = ConnectSocket(connected.get(), address);
  if (error == EAGAIN) return Status::Error(code::kStoreBusy, "The store at " + path + " has too many clients in its queue.");
  if (error != 0) return Status::Errno(code::kStoreUnreachable, "Cannot connect to the store at " + path, error);
  *fd = std::move(connected);
  return Status();
}

}  // namespace holdfast
