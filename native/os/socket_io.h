// System calls on the store's socket.
#ifndef HOLDFAST_SRC_SOCKET_IO_H_
#define HOLDFAST_SRC_SOCKET_IO_H_

#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "wire/protocol.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace holdfast {

// Sends one message with its descriptors without waiting. Returns 0 or an errno.
int SendFrameTo(int fd, const Frame& frame);

// Receives one message without waiting. Returns 0 or an errno; `size_bytes` 0 means that the other side closed. EMSGSIZE when the frame
// was cut; EMFILE when the frame is whole but descriptors were lost, because this process is at its limit of open files.
int ReceiveFrame(int fd, std::vector<uint8_t>* buffer, size_t* size_bytes, std::vector<UniqueFd>* fds);

Status AddressOf(const std::string& path, sockaddr_un* address);
// SOCK_SEQPACKET, non-blocking.
UniqueFd NewSocket();
// Returns 0 or an errno.
int ConnectSocket(int fd, const sockaddr_un& address);

// BAD_CONFIG when another process listens on `path` or the path does not fit into a socket address.
Status ListenOn(const std::string& path, UniqueFd* fd);
// STORE_UNREACHABLE when nobody listens.
Status ConnectTo(const std::string& path, UniqueFd* fd);

}  // namespace holdfast

#endif  // HOLDFAST_SRC_SOCKET_IO_H_
