// Invariants: a name under blobs/ stands for complete, verified bytes. A folder under digests/ appears whole, by a rename, and only
// while every blob of its model has a name; the links of a name are taken away before the folder that they lead to.
//
// The trees are made anew from the catalog after each of its changes, under the lock here: whichever thread comes last has seen all.
#include "memory/export_folder.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace holdfast {

namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "/.holdfast-export";

Status BadFolder(const std::string& path, const std::string& what) {
  return Status::Error(code::kBadConfig, "memory.export: " + path + " " + what + ".");
}

Status Failure(const std::string& what) { return Status::Errno(code::kSystem, what, errno); }

// Manifests are checked where they come in; a path that leaves the folder would be worth a second look.
bool IsPlain(const fs::path& path) {
  if (path.empty() || !path.is_relative()) return false;
  for (const fs::path& part : path) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

// `namespace/name:tag` as namespace/name/tag.
fs::path FoldersOf(const std::string& name) {
  const size_t colon = name.rfind(':');
  return colon == std::string::npos ? fs::path() : fs::path(name.substr(0, colon)) / name.substr(colon + 1);
}

// "../" for each folder that `path` lies in, below its root.
fs::path UpFrom(const fs::path& path) {
  fs::path up;
  for (auto part = path.begin(); std::next(part) != path.end(); ++part) up /= "..";
  return up;
}

Status CheckFolder(const std::string& path, int fd, uint64_t limit_bytes) {
  struct stat info;
  struct statfs system;
  if (fstat(fd, &info) != 0 || fstatfs(fd, &system) != 0) return Failure("Cannot stat " + path);
  if (system.f_type != TMPFS_MAGIC) {
    return BadFolder(path, "is not on a tmpfs: weights would be written to a disk; take a folder like /dev/shm/holdfast, or mount one");
  }
  if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return BadFolder(path, "can be written by other users than that of the node; make a folder of its own with mode 0755 in it");
  }
  const uint64_t size_bytes = static_cast<uint64_t>(system.f_blocks) * static_cast<uint64_t>(system.f_bsize);
  // No blocks: a tmpfs without a limit.
  if (size_bytes > 0 && size_bytes < limit_bytes) {
    return BadFolder(path, "is on a tmpfs of " + std::to_string(size_bytes) + " bytes, less than memory.limitBytes (" +
                               std::to_string(limit_bytes) + "); lower that, or mount the tmpfs with a larger size=");
  }
  return Status();
}

// "36 25 0:31 / /mnt rw shared:1 - tmpfs tmpfs rw,size=8g,huge=within_size"
bool IsMountedForLargePages(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return false;
  const std::string device = " " + std::to_string(major(info.st_dev)) + ":" + std::to_string(minor(info.st_dev)) + " ";
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const size_t options = line.rfind(' ');
    if (options == std::string::npos || line.find(device) == std::string::npos) continue;
    const size_t huge = line.find("huge=", options);
    if (huge != std::string::npos) return line.compare(huge, 10, "huge=never") != 0;
  }
  return false;
}

}  // namespace

Status ExportFolder::Open(const std::string& path, uint64_t limit_bytes, std::shared_ptr<ExportFolder>* folder) {
  const bool made = mkdir(path.c_str(), 0755) == 0;
  if (!made && errno != EEXIST) return BadFolder(path, "cannot be made: " + std::generic_category().message(errno));
  UniqueFd lock(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid()) return BadFolder(path, "cannot be opened: " + std::generic_category().message(errno));
  Status status = CheckFolder(path, lock.get(), limit_bytes);
  if (!status.ok() && made) rmdir(path.c_str());
  if (!status.ok()) return status;
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return BadFolder(path, "is in use by another node; give each node its own folder");
  std::error_code error;
  const std::string mark = path + kMark;
  if (!fs::exists(mark, error) && !fs::is_empty(path, error)) {
    return BadFolder(path, "holds files that are not Holdfast's; give the node an empty folder");
  }
  UniqueFd marked(open(mark.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444));
  if (!marked.valid()) return Failure("Cannot open " + mark);
  const bool large = IsMountedForLargePages(lock.get());
  std::shared_ptr<ExportFolder> opened(new ExportFolder(fs::canonical(path, error).string(), std::move(lock), large));
  status = opened->Clear();
  if (status.ok()) *folder = std::move(opened);
  return status;
}

Status ExportFolder::Clear() const {
  std::error_code error;
  for (const char* name : {"/models", "/digests", "/blobs"}) {
    fs::remove_all(path_ + name, error);
    if (error) return Status::Errno(code::kSystem, "Cannot empty " + path_ + name, error.value());
    if (mkdir((path_ + name).c_str(), 0755) != 0) return Failure("Cannot make folder " + path_ + name);
  }
  return Status();
}

Status ExportFolder::NewFile(UniqueFd* fd) const {
  fd->Reset(open(path_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0400));
  return fd->valid() ? Status() : Failure("Cannot make a file without a name in " + path_);
}

Status ExportFolder::Place(const Digest& digest, int fd) {
  const std::string path = BlobPath(digest);
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  MutexLock lock(&mutex_);
  if (closed_) return Status::Error(code::kShuttingDown, "The store is closing.");
  // Whatever the mask of the process says.
  if (fchmod(fd, 0444) != 0) return Failure("Cannot set the mode of an exported segment");
  // One that has been evicted and is still being read.
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failure("Cannot remove " + path);
  if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) return Failure("Cannot link " + path);
  return Status();
}

void ExportFolder::Remove(const Digest& digest, int fd) {
  const std::string path = BlobPath(digest);
  struct stat mine, named;
  MutexLock lock(&mutex_);
  if (closed_ || fstat(fd, &mine) != 0 || stat(path.c_str(), &named) != 0) return;
  if (mine.st_dev == named.st_dev && mine.st_ino == named.st_ino) unlink(path.c_str());
}

void ExportFolder::ShowModels(const Catalog& catalog) {
  MutexLock lock(&mutex_);
  if (closed_) return;
  std::map<std::string, std::shared_ptr<const Model>> models;
  std::map<std::string, std::string> names;
  catalog.ListComplete(&models, &names);
  for (auto shown = shown_names_.begin(); shown != shown_names_.end();) {
    if (names.contains(shown->first)) {
      ++shown;
      continue;
    }
    UnlinkName(shown->first);
    shown = shown_names_.erase(shown);
  }
  std::vector<std::string> gone;
  for (const std::string& digest : shown_models_) {
    if (!models.contains(digest)) gone.push_back(digest);
  }
  for (const auto& [digest, model] : models) {
    if (!shown_models_.contains(digest) && BuildTree(*model)) shown_models_.insert(digest);
  }
  for (const auto& [name, digest] : names) {
    const auto shown = shown_names_.find(name);
    if (shown != shown_names_.end() && shown->second == digest) continue;
    if (shown_models_.contains(digest) && LinkName(name, digest)) shown_names_[name] = digest;
  }
  std::error_code ignored;
  for (const std::string& digest : gone) {
    fs::remove_all(path_ + "/digests/" + digest, ignored);
    shown_models_.erase(digest);
  }
}

std::string ExportFolder::PathOf(const std::string& model, const Catalog& catalog) {
  ShowModels(catalog);
  MutexLock lock(&mutex_);
  return shown_models_.contains(model) ? path_ + "/digests/" + model : std::string();
}

void ExportFolder::Close() {
  MutexLock lock(&mutex_);
  if (closed_) return;
  closed_ = true;
  (void)Clear();
}

bool ExportFolder::BuildTree(const Model& model) const {
  if (!IsPlain(model.digest) || model.digest.find('/') != std::string::npos) return false;
  const fs::path made = fs::path(path_) / "digests" / (".new-" + model.digest);
  std::error_code error;
  fs::create_directory(made, error);
  for (const ModelFile& file : model.files) {
    if (error) break;
    const fs::path path(file.path);
    if (!IsPlain(path)) error = std::make_error_code(std::errc::invalid_argument);
    // A memfd that a client brought back from a store without this folder has no name.
    if (!error && !fs::exists(BlobPath(file.id), error) && !error) error = std::make_error_code(std::errc::no_such_file_or_directory);
    if (!error) fs::create_directories((made / path).parent_path(), error);
    if (!error) fs::create_symlink(fs::path("../..") / UpFrom(path) / "blobs" / file.id.ToHex(), made / path, error);
  }
  if (!error) fs::rename(made, fs::path(path_) / "digests" / model.digest, error);
  std::error_code ignored;
  if (error) fs::remove_all(made, ignored);
  return !error;
}

bool ExportFolder::LinkName(const std::string& name, const std::string& digest) const {
  const fs::path folders = FoldersOf(name);
  if (!IsPlain(folders)) return false;
  const fs::path link = fs::path(path_) / "models" / folders;
  const fs::path made = fs::path(path_) / "models/.new";
  std::error_code error;
  fs::create_directories(link.parent_path(), error);
  if (!error) fs::create_symlink(fs::path("..") / UpFrom(folders) / "digests" / digest, made, error);
  // Over the link that was there: at no moment the name means nothing.
  if (!error) fs::rename(made, link, error);
  std::error_code ignored;
  if (error) fs::remove(made, ignored);
  return !error;
}

void ExportFolder::UnlinkName(const std::string& name) const {
  const fs::path root = fs::path(path_) / "models";
  fs::path path = root / FoldersOf(name);
  std::error_code error;
  // The folders above, as far as they are empty now.
  for (; path != root && fs::remove(path, error); path = path.parent_path()) continue;
}

}  // namespace holdfast
