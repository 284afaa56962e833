// Reads a file of the disk tier into a segment, and leaves none of it in the page cache.
#ifndef HOLDFAST_SRC_BLOB_READER_H_
#define HOLDFAST_SRC_BLOB_READER_H_

#include <atomic>
#include <cstdint>

#include "os/status.h"
#include "os/unique_fd.h"

namespace holdfast {

class BlobReader {
 public:
  // A file of that size that nobody writes to any more.
  BlobReader(UniqueFd fd, uint64_t size_bytes);
  ~BlobReader();
  BlobReader(const BlobReader&) = delete;
  BlobReader& operator=(const BlobReader&) = delete;

  // The range is in the file. Ranges may be read by several threads.
  Status Read(uint64_t offset_bytes, uint8_t* target, uint64_t size_bytes);

 private:
  bool IsCached(uint64_t offset_bytes, uint64_t size_bytes) const;
  Status ReadDirect(uint64_t offset_bytes, uint8_t* target, uint64_t size_bytes, uint64_t* read_bytes);

  const UniqueFd fd_;
  const uint64_t size_bytes_;
  // Never read, only asked which of its pages are in the page cache; null when it could not be made. One for all ranges: making one takes a
  // lock that the threads hold which make a segment's pages.
  uint8_t* map_ = nullptr;
  UniqueFd direct_fd_;
  std::atomic<bool> may_be_direct_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_BLOB_READER_H_
