// A chunk that lies in a file of this machine, read straight to where it will stay.
#ifndef HOLDFAST_MEMORY_FILL_FILE_H_
#define HOLDFAST_MEMORY_FILL_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "memory/fill.h"

namespace holdfast {

// What became of the file, where `status` is about the fill.
struct FileChunk {
  // As Fill::PutChunk; OK also when the file failed, and nothing is stored then.
  Status status;
  // False: the file ends before the chunk does.
  bool whole = true;
  // errno of a read that failed, else 0.
  int read_error = 0;
};

// Reads from `fd`, which stays open until `done` is called: once, on this thread or on one of the store. Waits for the disk.
void PutFromFile(const std::shared_ptr<Fill>& fill, uint32_t index, int fd, uint64_t offset_bytes,
                 std::function<void(FileChunk)> done);

}  // namespace holdfast

#endif  // HOLDFAST_MEMORY_FILL_FILE_H_
