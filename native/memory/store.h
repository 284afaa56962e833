// The store of a machine: segments, disk tier, catalog and socket behind one interface. native/types.ts says what each call
// promises; this is the same without Node.
#ifndef HOLDFAST_STORE_H_
#define HOLDFAST_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/digest.h"
#include "memory/fill.h"
#include "memory/blob_check.h"
#include "disk/disk_tier.h"
#include "memory/memory_budget.h"
#include "server/server.h"
#include "os/status.h"
#include "memory/catalog.h"
#include "os/thread_pool.h"
#include "os/unique_fd.h"

namespace holdfast {

struct StoreOptions {
  ServerOptions server;
  uint64_t memory_limit_bytes = 0;
  std::string disk_path;
  // 0: no disk tier.
  uint64_t disk_limit_bytes = 0;
  // 0: one per CPU, at least 2 (a long read shall not stop the hashing) and at most 16.
  int thread_count = 0;
  // Folder on a tmpfs that keeps segments as read-only files; empty: memfds.
  std::string export_path;
  // Segments get large pages where the machine has them.
  bool large_pages = false;
};

struct BlobState {
  Digest id;
  uint64_t size_bytes = 0;
  bool in_memory = false;
  bool on_disk = false;
  uint32_t leases = 0;
};

struct StoreStats {
  uint64_t memory_used_bytes = 0;
  uint64_t memory_limit_bytes = 0;
  uint64_t disk_used_bytes = 0;
  uint64_t disk_limit_bytes = 0;
  // DiskTier::failure_count.
  uint64_t disk_failures = 0;
  uint64_t segments = 0;
  uint64_t leases = 0;
  // Segments on large pages that were reserved, and on those that the kernel was asked for.
  PageUse reserved_pages;
  PageUse asked_pages;
  ServerStats server;
};

struct Reattached {
  Digest id;
  uint64_t size_bytes = 0;
  Status status;
};

// A blob that a client may bring back. The client knows the file by its sha256; only the id is checked.
struct WantedBlob {
  Digest id;
  Digest sha256;
  Cut cut;
};

class Store {
 public:
  // `listener` outlives the store.
  static Status Open(const StoreOptions& options, StoreListener* listener, std::unique_ptr<Store>* store);
  // Stops as Stop does.
  virtual ~Store() = default;

  // Calls that may wait (marked so) belong on a thread of this pool.
  virtual ThreadPool* pool() = 0;
  // For reads of files that are not the store's own, such as those of an origin's folder: one that hangs keeps these threads alone.
  virtual ThreadPool* file_pool() = 0;
  virtual Server* server() = 0;
  virtual Catalog* catalog() = 0;

  // BAD_REQUEST while another fill of the same blob is open.
  virtual Status BeginFill(BlobSpec spec, bool memory, bool disk, std::shared_ptr<Fill>* fill) = 0;
  // Waits. Cuts the file into chunks of `chunk_bytes`, which several threads hash and copy; its id is the name that it gets.
  virtual Status ImportFile(const std::string& path, uint64_t chunk_bytes, Digest* id, uint64_t* size_bytes) = 0;
  // Returns at once; `done` is called on a thread of the pool or inside this call. As Promoter::Promote.
  virtual void Promote(const Digest& digest, std::unique_ptr<const BlobProof> proof, std::function<void(Status)> done) = 0;
  // Waits. `found` false when this machine does not hold the range: of a blob that is being filled, the verified chunks count.
  virtual Status Read(const Digest& digest, uint64_t offset_bytes, uint64_t size_bytes, uint8_t* target, bool* found) = 0;
  // Waits. For reading a blob of the disk tier, also after the tier has dropped it. Invalid when the tier does not hold it.
  virtual Status OpenOnDisk(const Digest& digest, UniqueFd* fd, uint64_t* size_bytes) = 0;
  // Takes over what the client of a waiting open brought of the wanted blobs. Reserves at once (MEMORY_FULL, and then nothing is taken);
  // `done` is called on a thread of the pool or inside this call, when each has been hashed, with those that are in memory now and why
  // others are not.
  virtual Status Reattach(uint32_t request_id, const std::vector<WantedBlob>& wanted,
                          std::function<void(std::vector<Reattached>)> done) = 0;
  // False, and nothing happens, while a lease maps the segment, and when there is none.
  virtual bool DropMemory(const Digest& digest) = 0;
  // Waits.
  virtual bool DropDisk(const Digest& digest) = 0;
  // Empty when the disk tier does not hold the blob.
  virtual std::string DiskPathOf(const Digest& digest) const = 0;
  // Where programs find the files of a model by their paths. Empty unless segments are exported and every blob of the published model
  // is complete in memory.
  virtual std::string ExportedPathOf(const std::string& model) const = 0;
  // Waits. What a file of the disk tier is when it is cut so. `found` false when it is not there, or was cut short and is removed now.
  // BAD_REQUEST for a cut of another size.
  virtual Status DigestDisk(const Digest& name, const Cut& cut, bool* found, BlobDigests* digests) = 0;
  // Waits. `good` false when the blob was bad, and is removed now, or was not there.
  virtual Status VerifyDisk(const Digest& id, const Cut& cut, bool* good, Digest* sha256) = 0;
  // Waits. Of a part of a blob of the disk tier; what was read leaves the page cache unless somebody wants it next. `found` false when it is
  // not there, or cannot be read.
  virtual Status HashOnDisk(const Digest& id, uint64_t offset_bytes, uint64_t size_bytes, bool keeps_cached, bool* found, Digest* sha256) = 0;
  // The blob is not what its id says: it counts as gone from the disk tier.
  virtual void GiveUpOnDisk(const Digest& id) = 0;
  // Waits. As DiskTier::TakeOver; nothing happens without a disk tier.
  virtual Status TakeOver(const std::vector<BlobMove>& moves, uint64_t* moved) = 0;

  virtual std::vector<BlobState> ListBlobs() const = 0;
  // False when no open fill brings the blob.
  virtual bool FindFilling(const Digest& digest, uint64_t* size_bytes) const = 0;
  virtual bool FindBlob(const Digest& digest, BlobState* state) const = 0;
  virtual StoreStats stats() const = 0;
  virtual Status CheckInvariants() const = 0;

  // Waits: ends connections, then lets running and queued work end.
  virtual void Close() = 0;
  // Waits: ends connections and drops queued work. For a process that exits.
  virtual void Stop() = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_STORE_H_
