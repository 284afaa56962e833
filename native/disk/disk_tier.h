// Blobs on disk, by blob id, below a hard limit. Nodes of before the blob id named a blob by the sha256 of its file; TakeOver renames it.
//
//   <path>/lock                     held while the tier is open, so that two daemons never share a folder
//   <path>/blobs/<2 hex>/<blob id>  complete, verified, never modified
//   <path>/partial/<blob id>        being written, or left by an interrupted fill
//   <path>/partial/import-<n>       being imported; removed at the next start
#ifndef HOLDFAST_DISK_TIER_H_
#define HOLDFAST_DISK_TIER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "os/digest.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace holdfast {

// A file below partial/ that one writer holds. Destroying it keeps the file of a fill and removes that of an import.
class PartialBlob {
 public:
  virtual ~PartialBlob() = default;
  PartialBlob(const PartialBlob&) = delete;
  PartialBlob& operator=(const PartialBlob&) = delete;

  // True when an earlier fill left bytes, none of which may be trusted.
  virtual bool existed() const = 0;
  // False when no byte of the range was ever written.
  virtual bool MayHold(uint64_t offset_bytes, uint64_t size_bytes) const = 0;
  // DISK_FULL or DISK_FAILED. Threads may write different ranges at once.
  virtual Status Write(uint64_t offset_bytes, const uint8_t* data, size_t size_bytes) = 0;
  virtual Status Read(uint64_t offset_bytes, uint8_t* target, size_t size_bytes) const = 0;
  // Makes the file the blob `digest`: synced, renamed, folders synced. The object is used up, also on failure.
  // `drop_cache` because a blob that is in a segment too shall not stand in the page cache a second time.
  virtual Status Commit(const Digest& digest, bool drop_cache) = 0;
  // Removes the file. The object is used up.
  virtual void Discard() = 0;

 protected:
  PartialBlob() = default;
};

// A file of the disk tier that gets another name.
struct BlobMove {
  Digest from;
  Digest to;
};

class DiskTier : public std::enable_shared_from_this<DiskTier> {
 public:
  // Makes the folders and rebuilds the index from what lies there. DISK_FAILED when another process holds the folder.
  static Status Open(const std::string& path, uint64_t limit_bytes, std::shared_ptr<DiskTier>* tier);
  virtual ~DiskTier() = default;

  // Reserves and preallocates. Partial files that nobody fills are given up for room, oldest first. TOO_LARGE, DISK_FULL.
  virtual Status BeginPartial(const Digest& digest, uint64_t size_bytes, std::unique_ptr<PartialBlob>* partial) = 0;
  virtual Status BeginImport(uint64_t size_bytes, std::unique_ptr<PartialBlob>* partial) = 0;

  virtual bool Find(const Digest& digest, uint64_t* size_bytes) const = 0;
  virtual std::string PathOf(const Digest& digest) const = 0;
  // Opens a blob for reading and checks that it is a file of its size; one that is not, or cannot be opened, is given up.
  virtual Status OpenBlob(const Digest& digest, UniqueFd* fd, uint64_t* size_bytes) = 0;
  // False when there was none, or when the disk refuses.
  virtual bool Remove(const Digest& digest) = 0;
  // The blob cannot be read, or has other bytes: it counts as gone, also where the disk does not let its file go. Such a file keeps its
  // place in the accounts until the blob comes again.
  virtual void GiveUp(const Digest& digest) = 0;
  virtual std::vector<std::pair<Digest, uint64_t>> List() const = 0;
  // Renames blobs, and partial files that nobody fills, and makes the names durable. What is not there, or there under its new name too, is
  // passed over; of the latter the one with the old name goes. The caller knows that both names mean the same bytes. Interrupted, it may be
  // done again.
  virtual Status TakeOver(const std::vector<BlobMove>& moves, uint64_t* moved) = 0;

  virtual uint64_t used_bytes() const = 0;
  virtual uint64_t limit_bytes() const = 0;
  // Writes, syncs, renames and removals that the disk refused: a full or failing disk shows here, also where the work went on
  // without it.
  virtual uint64_t failure_count() const = 0;
  virtual Status CheckInvariants() const = 0;
};

// Reads exactly `size_bytes`; DISK_FAILED otherwise.
Status ReadFully(int fd, uint64_t offset_bytes, uint8_t* target, size_t size_bytes);

}  // namespace holdfast

#endif  // HOLDFAST_DISK_TIER_H_
