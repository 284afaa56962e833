// Copies a local file into the disk tier as a blob, cut into chunks of one size, which several threads read, hash and write.
#ifndef HOLDFAST_FILE_IMPORT_H_
#define HOLDFAST_FILE_IMPORT_H_

#include <cstdint>
#include <string>

#include "disk/disk_tier.h"
#include "os/digest.h"
#include "os/status.h"
#include "os/thread_pool.h"

namespace holdfast {

// As Store::ImportFile. On a thread of the pool, which works itself: it never waits for a free one.
Status ImportFileTo(DiskTier* disk, ThreadPool* pool, const std::string& path, uint64_t chunk_bytes, Digest* id, uint64_t* size_bytes);

}  // namespace holdfast

#endif  // HOLDFAST_FILE_IMPORT_H_
