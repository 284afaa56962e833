#include "disk/disk_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "disk/disk_tier.h"

namespace holdfast {

Status DiskError(const std::string& what, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return Status::Errno(full ? code::kDiskFull : code::kDiskFailed, what, error);
}

Status MakeFolders(const std::string& path) {
  for (size_t end = 1; end <= path.size(); end++) {
    if (end < path.size() && path[end] != '/') continue;
    bool made = false;
    Status status = MakeFolder(path.substr(0, end), &made, CrashPoint::kFolderMade);
    if (!status.ok()) return status;
  }
  return Status();
}

Status MakeFolder(const std::string& path, bool* made, CrashPoint point) {
  *made = mkdir(path.c_str(), 0755) == 0;
  // A read-only file system may say EROFS for a folder that is there.
  if (!*made && errno != EEXIST) {
    const int error = errno;
    struct stat info;
    if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return DiskError("Cannot make folder " + path, error);
  }
  if (*made) PassCrashPoint(point);
  return Status();
}

Status SyncFolder(const std::string& path, CrashPoint point) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || fsync(fd.get()) != 0) return DiskError("Cannot sync folder " + path, errno);
  PassCrashPoint(point);
  return Status();
}

Status LockFolder(const std::string& path, UniqueFd* lock) {
  const std::string file = path + "/lock";
  // For reading: a file that is open for writing would keep an operator from making the disk read-only.
  UniqueFd fd(open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return DiskError("Cannot open " + file, errno);
  PassCrashPoint(CrashPoint::kLockMade);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return DiskError("Cannot lock " + file, errno);
    return Status::Error(code::kDiskFailed, path + " is in use by another node; give each node its own data directory.");
  }
  *lock = std::move(fd);
  return Status();
}

Status OpenPartial(const std::string& path, bool truncate, UniqueFd* fd) {
  fd->Reset(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (truncate ? O_TRUNC : 0), 0600));
  if (!fd->valid()) return DiskError("Cannot open " + path, errno);
  PassCrashPoint(CrashPoint::kPartialMade);
  return Status();
}

Status Preallocate(int fd, uint64_t size_bytes) {
  if (ftruncate(fd, static_cast<off_t>(size_bytes)) != 0) return DiskError("Cannot set the size of a partial file", errno);
  PassCrashPoint(CrashPoint::kPartialSized);
  if (size_bytes == 0) return Status();
  // Some file systems cannot; the blocks come with the bytes there.
  if (fallocate(fd, 0, 0, static_cast<off_t>(size_bytes)) != 0 && errno != EOPNOTSUPP) {
    return DiskError("Cannot preallocate " + std::to_string(size_bytes) + " bytes", errno);
  }
  PassCrashPoint(CrashPoint::kPartialPreallocated);
  return Status();
}

namespace {

Status WriteAll(int fd, uint64_t offset_bytes, const uint8_t* data, size_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t put = pwrite(fd, data, size_bytes, static_cast<off_t>(offset_bytes));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return DiskError("Cannot write to the disk tier", errno);
    data += put;
    offset_bytes += static_cast<uint64_t>(put);
    size_bytes -= static_cast<size_t>(put);
  }
  return Status();
}

}  // namespace

Status WriteFully(int fd, uint64_t offset_bytes, const uint8_t* data, size_t size_bytes) {
  // In two parts, because the kernel may be interrupted between any two pages.
  const size_t first_bytes = size_bytes / 2;
  Status status = WriteAll(fd, offset_bytes, data, first_bytes);
  if (!status.ok()) return status;
  PassCrashPoint(CrashPoint::kChunkTorn);
  status = WriteAll(fd, offset_bytes + first_bytes, data + first_bytes, size_bytes - first_bytes);
  if (status.ok()) PassCrashPoint(CrashPoint::kChunkWritten);
  return status;
}

Status SealFile(int fd, const std::string& name) {
  if (fchmod(fd, 0444) != 0) return DiskError("Cannot set the mode of " + name, errno);
  PassCrashPoint(CrashPoint::kBlobReadOnly);
  if (fsync(fd) != 0) return DiskError("Cannot sync " + name, errno);
  PassCrashPoint(CrashPoint::kBlobSynced);
  return Status();
}

Status RenameFile(const std::string& from, const std::string& to, CrashPoint point) {
  if (rename(from.c_str(), to.c_str()) != 0) return DiskError("Cannot rename to " + to, errno);
  PassCrashPoint(point);
  return Status();
}

Status RemoveFile(const std::string& path, CrashPoint point) {
  if (unlink(path.c_str()) != 0) {
    const int error = errno;
    // A read-only file system refuses before it looks whether the file is there.
    struct stat info;
    if (stat(path.c_str(), &info) == 0 || errno != ENOENT) return DiskError("Cannot remove " + path, error);
  }
  PassCrashPoint(point);
  return Status();
}

Status ReadFully(int fd, uint64_t offset_bytes, uint8_t* target, size_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t got = pread(fd, target, size_bytes, static_cast<off_t>(offset_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DiskError("Cannot read from the disk tier", errno);
    if (got == 0) return Status::Error(code::kDiskFailed, "A file of the disk tier is shorter than it was.");
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
  if (folder == nullptr) return errno == ENOENT ? Status() : DiskError("Cannot read folder " + path, errno);
  while (const dirent* entry = readdir(folder.get())) {
    if (entry->d_name[0] != '.') visit(entry->d_name);
  }
  return Status();
}

}  // namespace holdfast
