// One blob in shared memory: a memfd that nobody but its filler can ever write.
#ifndef HOLDFAST_SEGMENT_H_
#define HOLDFAST_SEGMENT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "os/digest.h"
#include "memory/memory_budget.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace holdfast {

class ExportFolder;

class Segment {
 public:
  // An empty, writable segment of exactly `size_bytes`; it owns `reservation`. `label` shows up in /proc/*/maps.
  static Status Create(const std::string& label, uint64_t size_bytes, MemoryReservation reservation,
                       std::shared_ptr<Segment>* segment);
  // For a blob: as a file of the folder if there is one, which gets its name when it is sealed and loses it with the segment; else as a
  // memfd.
  static Status CreateFor(const Digest& digest, uint64_t size_bytes, MemoryReservation reservation,
                          std::shared_ptr<ExportFolder> folder, std::shared_ptr<Segment>* segment);
  // Takes back a segment of a store that has gone, from the process that held it. BAD_REQUEST unless it is a memfd of exactly that size that
  // nobody can change any more. What it contains is for the caller to check: it will not change after this.
  static Status Reattach(UniqueFd fd, uint64_t size_bytes, MemoryReservation reservation, std::shared_ptr<Segment>* segment);
  virtual ~Segment() = default;
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  virtual uint64_t size_bytes() const = 0;
  // On large pages where the budget allows it and the machine has them: reserved ones first, else those that the kernel gives when asked.
  virtual Pages pages() const = 0;
  // Allocates the pages of a range. MEMORY_FULL when the machine has none: without this call a write would die of SIGBUS then. Ranges may
  // overlap and be allocated by several threads.
  virtual Status Allocate(uint64_t offset_bytes, uint64_t size_bytes) = 0;
  // Allocates a range and maps its pages in one go, for writers that use the processor.
  Status Prepare(uint64_t offset_bytes, uint64_t size_bytes);
  // Allocates a range and writes it. The kernel copies into the pages; through the mapping each page would have to be made known to the
  // processor by a fault of its own first, which costs more than the copy, and ten times as much in a virtual machine.
  Status Write(uint64_t offset_bytes, const uint8_t* data, uint64_t size_bytes);
  // The mapping to fill; null when sealed or empty.
  virtual uint8_t* writable() = 0;
  // Ends writing for good: unmaps and adds the last seals. Nobody may be using writable() any more.
  virtual Status Seal() = 0;
  virtual bool sealed() const = 0;
  // A file, which has no seals of the kernel: only its mode says that nobody may write.
  virtual bool exported() const = 0;
  // A descriptor opened for reading only; the one that clients get. Belongs to the segment.
  virtual int read_only_fd() const = 0;
  // Copies a range out, also of one that is not sealed.
  virtual Status Read(uint64_t offset_bytes, uint64_t size_bytes, uint8_t* target) const = 0;

 protected:
  Segment() = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_SEGMENT_H_
