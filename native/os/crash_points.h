// The moments at which a process may die between two writes of the disk tier, by name, so that a test can let it die at each.
//
// HOLDFAST_CRASH_AT=<name>[:<n>] in the environment makes the process kill itself with SIGKILL when it passes that point for the
// n-th time (1 when left out). Read once; unset, a point costs one comparison. Every function of disk_files.h that changes
// something on disk takes the point that it passes when it has done so: a write without a point does not compile.
#ifndef HOLDFAST_CRASH_POINTS_H_
#define HOLDFAST_CRASH_POINTS_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace holdfast {

// Named after what has just happened.
enum class CrashPoint : uint8_t {
  kFolderMade,
  kLockMade,
  kPartialMade,
  kPartialSized,
  kPartialPreallocated,
  // The first half of a chunk is written.
  kChunkTorn,
  kChunkWritten,
  kBlobReadOnly,
  kBlobSynced,
  kShardMade,
  kShardSynced,
  kBlobRenamed,
  kBlobFolderSynced,
  kPartialFolderSynced,
  kBlobRemoved,
  kPartialRemoved,
  kPartialGivenUp,
  // What an interrupted import left, while the index is rebuilt.
  kStrayRemoved,
  // A blob, or a partial file, has its new name; the folders are synced once for all of them.
  kBlobMoved,
  kPartialMoved,
  kMovesSynced,
  // The blob was there under both names; the old one is gone.
  kMovedTwin,
};

// In the order of the enumeration.
const std::vector<std::string_view>& CrashPointNames();

// Does not return when this is the passing that HOLDFAST_CRASH_AT names.
void PassCrashPoint(CrashPoint point);

}  // namespace holdfast

#endif  // HOLDFAST_CRASH_POINTS_H_
