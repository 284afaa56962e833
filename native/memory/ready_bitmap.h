// The store's side of a ready page (ready_layout.h): marks chunks, and wakes those that wait in other processes.
#ifndef HOLDFAST_SRC_READY_BITMAP_H_
#define HOLDFAST_SRC_READY_BITMAP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "os/status.h"
#include "os/unique_fd.h"
#include "memory/ready_layout.h"

namespace holdfast {

class ReadyBitmap {
 public:
  // `ends`: where each chunk ends; rising, not empty. `label` shows up in /proc/*/maps.
  static Status Create(const std::string& label, const std::vector<uint64_t>& ends, std::shared_ptr<ReadyBitmap>* bitmap);
  ~ReadyBitmap();
  ReadyBitmap(const ReadyBitmap&) = delete;
  ReadyBitmap& operator=(const ReadyBitmap&) = delete;

  // The chunk's bytes are in the segment. From any thread.
  void MarkReady(uint32_t chunk);
  // The segment is sealed; every chunk is ready.
  void Complete();
  // Nothing more will come. Once, and not after Complete.
  void Fail(const Status& status);
  // Opened for reading only; belongs to the bitmap.
  int read_only_fd() const { return fd_.get(); }

 private:
  ReadyBitmap(UniqueFd fd, uint8_t* map, size_t map_bytes) : fd_(std::move(fd)), map_(map), map_bytes_(map_bytes) {}

  ReadyHeader& header() { return *reinterpret_cast<ReadyHeader*>(map_); }
  void Announce();

  const UniqueFd fd_;
  uint8_t* const map_;
  const size_t map_bytes_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_READY_BITMAP_H_
