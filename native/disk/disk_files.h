// System calls of the disk tier, each with a Status. Those that change something take the crash point that they pass when they
// have done so; no other file of the disk tier makes such calls itself.
#ifndef HOLDFAST_SRC_DISK_FILES_H_
#define HOLDFAST_SRC_DISK_FILES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "os/crash_points.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace holdfast {

// ENOSPC and EDQUOT become DISK_FULL, all else DISK_FAILED.
Status DiskError(const std::string& what, int error);

// Makes the folder and those above it.
Status MakeFolders(const std::string& path);
// `made` false when it was there.
Status MakeFolder(const std::string& path, bool* made, CrashPoint point);
// Makes the names in a folder durable.
Status SyncFolder(const std::string& path, CrashPoint point);
// Takes the lock file that keeps a second daemon out; held as long as the descriptor is open.
Status LockFolder(const std::string& path, UniqueFd* lock);
Status OpenPartial(const std::string& path, bool truncate, UniqueFd* fd);
// Gives the file its size and its blocks, so that a full disk shows before the bytes come.
Status Preallocate(int fd, uint64_t size_bytes);
Status WriteFully(int fd, uint64_t offset_bytes, const uint8_t* data, size_t size_bytes);
// The file is complete: nobody writes to it again, and its bytes are durable.
Status SealFile(int fd, const std::string& name);
Status RenameFile(const std::string& from, const std::string& to, CrashPoint point);
// A file that is not there is removed.
Status RemoveFile(const std::string& path, CrashPoint point);
// Calls `visit(name)` for every regular entry; a folder that is not there is empty.
Status ListFolder(const std::string& path, const std::function<void(const std::string&)>& visit);

}  // namespace holdfast

#endif  // HOLDFAST_SRC_DISK_FILES_H_
