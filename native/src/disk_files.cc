#include "disk_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "holdfast/disk_tier.h"

namespace holdfast {

Status DiskError(const std::string& what, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return Status::Errno(full ? code::kDiskFull : code::kDiskFailed, what, error);
}

Status MakeFolders(const std::string& path) {
  for (size_t end = 1; end <= path.size(); end++) {
    if (end < path.size() && path[end] != '/') continue;
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) return DiskError("mkdir " + part, errno);
  }
  return Status();
}

Status SyncFolder(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || fsync(fd.get()) != 0) return DiskError("fsync of folder " + path, errno);
  return Status();
}

Status LockFolder(const std::string& path, UniqueFd* lock) {
  const std::string file = path + "/lock";
  UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return DiskError("open " + file, errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return DiskError("flock " + file, errno);
    return Status::Error(code::kDiskFailed, path + " is in use by another node; give each node its own data directory");
  }
  *lock = std::move(fd);
  return Status();
}

Status Preallocate(int fd, uint64_t size_bytes) {
  if (ftruncate(fd, static_cast<off_t>(size_bytes)) != 0) return DiskError("ftruncate of a partial file", errno);
  if (size_bytes == 0) return Status();
  if (fallocate(fd, 0, 0, static_cast<off_t>(size_bytes)) == 0) return Status();
  // Some file systems cannot; the blocks come with the bytes there.
  if (errno == EOPNOTSUPP) return Status();
  return DiskError("preallocation of " + std::to_string(size_bytes) + " bytes", errno);
}

Status WriteFully(int fd, uint64_t offset_bytes, const uint8_t* data, size_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t put = pwrite(fd, data, size_bytes, static_cast<off_t>(offset_bytes));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return DiskError("write to the disk tier", errno);
    data += put;
    offset_bytes += static_cast<uint64_t>(put);
    size_bytes -= static_cast<size_t>(put);
  }
  return Status();
}

Status ReadFully(int fd, uint64_t offset_bytes, uint8_t* target, size_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t got = pread(fd, target, size_bytes, static_cast<off_t>(offset_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DiskError("read from the disk tier", errno);
    if (got == 0) return Status::Error(code::kDiskFailed, "A file of the disk tier is shorter than it was");
    target += got;
    offset_bytes += static_cast<uint64_t>(got);
    size_bytes -= static_cast<size_t>(got);
  }
  return Status();
}

Status ListFolder(const std::string& path, const std::function<void(const std::string&)>& visit) {
  struct Closer {
    void operator()(DIR* folder) const { closedir(folder); }
  };
  std::unique_ptr<DIR, Closer> folder(opendir(path.c_str()));
  if (folder == nullptr) return errno == ENOENT ? Status() : DiskError("opendir " + path, errno);
  while (const dirent* entry = readdir(folder.get())) {
    if (entry->d_name[0] != '.') visit(entry->d_name);
  }
  return Status();
}

}  // namespace holdfast
