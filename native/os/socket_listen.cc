#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "disk/disk_files.h"
#include "os/socket_io.h"

namespace holdfast {

namespace {

constexpr int kBacklog = 128;

}  // namespace

Status ListenOn(const std::string& path, UniqueFd* fd) {
  sockaddr_un address;
  Status status = AddressOf(path, &address);
  if (!status.ok()) return status;
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) status = MakeFolders(path.substr(0, slash));
  if (!status.ok()) return status;
  UniqueFd probe = NewSocket();
  const int probed = ConnectSocket(probe.get(), address);
  if (probed == 0 || probed == EAGAIN) {
    return Status::Error(code::kBadConfig, "Another node listens on " + path + "; give each node its own socket path.");
  }
  struct stat info;
  const bool is_socket = lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
  if (probed == ECONNREFUSED && is_socket) unlink(path.c_str());
  UniqueFd listening = NewSocket();
  if (!listening.valid()) return Status::Errno(code::kSystem, "Cannot create a socket", errno);
  // Linux makes the file with the mode of the unbound socket, less the umask: never wider than 0660, not even for a moment.
  if (fchmod(listening.get(), 0660) != 0 ||
      bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), 0660) != 0 || listen(listening.get(), kBacklog) != 0) {
    return Status::Errno(code::kSystem, "Cannot listen on " + path, errno);
  }
  *fd = std::move(listening);
  return Status();
}

}  // namespace holdfast
