#include "memory/fill_file.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace holdfast {

void PutFromFile(const std::shared_ptr<Fill>& fill, uint32_t index, int fd, uint64_t offset_bytes,
                 std::function<void(FileChunk)> done) {
  FileChunk chunk;
  std::unique_ptr<ChunkWrite> write;
  chunk.status = fill->BeginChunk(index, &write);
  if (!chunk.status.ok()) return done(std::move(chunk));
  while (write->missing_bytes() > 0) {
    ssize_t got = 0;
    int error = 0;
    size_t written_bytes = 0;
    chunk.status = write->Write(
        [&](uint8_t* data, size_t size_bytes) -> size_t {
          do {
            got = pread(fd, data, size_bytes, static_cast<off_t>(offset_bytes));
            error = got < 0 ? errno : 0;
          } while (error == EINTR);
          return got > 0 ? static_cast<size_t>(got) : 0;
        },
        &written_bytes);
    chunk.read_error = error;
    chunk.whole = error != 0 || written_bytes > 0;
    // The chunk is given up with `write`, and may be begun again.
    if (!chunk.status.ok() || written_bytes == 0) {
      write.reset();
      return done(std::move(chunk));
    }
    offset_bytes += written_bytes;
  }
  write->End([done = std::move(done)](Status status) {
    FileChunk ended;
    ended.status = std::move(status);
    done(std::move(ended));
  });
}

}  // namespace holdfast
