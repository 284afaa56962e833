// Work on ranges of plain files, each in one pass: hashed as they are read, verified before they are written. For push and pull of an
// origin, which have no store. Every call may be made by several threads at once, on the same file too.
#ifndef HOLDFAST_FILES_FILE_WORK_H_
#define HOLDFAST_FILES_FILE_WORK_H_

#include <cstddef>
#include <cstdint>

#include "os/digest.h"
#include "os/status.h"

namespace holdfast {

struct FileRange {
  int fd = -1;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
};

struct FilePlace {
  int fd = -1;
  uint64_t offset_bytes = 0;
  // From here on the file has nothing but zeros: runs of zeros are left as holes.
  uint64_t zeros_from_bytes = 0;
};

enum class CopyResult { kCopied, kShort, kMismatch };

// sha256 of bytes at hand. Of zeros it is computed once per size: sparse files have gigabytes of them.
Digest DigestOf(const uint8_t* data, size_t size_bytes);

// `whole` is false, and there is no digest, when the file ends before the range does.
Status HashRange(const FileRange& range, Digest* digest, bool* whole);
// The same, and the bytes go to `target`.
Status ReadHashed(const FileRange& range, uint8_t* target, Digest* digest, bool* whole);

// Writes `data` when it has that digest; else `good` is false, and nothing is written.
Status WriteVerified(const uint8_t* data, size_t size_bytes, const Digest& digest, const FilePlace& to, bool* good);
// Reads the range and writes it when it has that digest. One buffer of the size of the range per thread that does this.
Status CopyVerified(const FileRange& from, const Digest& digest, const FilePlace& to, CopyResult* result);

}  // namespace holdfast

#endif  // HOLDFAST_FILES_FILE_WORK_H_
