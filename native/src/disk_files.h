// System calls of the disk tier, each with a Status.
#ifndef HOLDFAST_SRC_DISK_FILES_H_
#define HOLDFAST_SRC_DISK_FILES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "holdfast/status.h"
#include "holdfast/unique_fd.h"

namespace holdfast {

// ENOSPC and EDQUOT become DISK_FULL, all else DISK_FAILED.
Status DiskError(const std::string& what, int error);

Status MakeFolders(const std::string& path);
// Makes the names in a folder durable.
Status SyncFolder(const std::string& path);
// Takes the lock file that keeps a second daemon out; held as long as the descriptor is open.
Status LockFolder(const std::string& path, UniqueFd* lock);
// Gives the file its size and its blocks, so that a full disk shows before the bytes come.
Status Preallocate(int fd, uint64_t size_bytes);
Status WriteFully(int fd, uint64_t offset_bytes, const uint8_t* data, size_t size_bytes);
// Calls `visit(name)` for every regular entry; a folder that is not there is empty.
Status ListFolder(const std::string& path, const std::function<void(const std::string&)>& visit);

}  // namespace holdfast

#endif  // HOLDFAST_SRC_DISK_FILES_H_
