// What is in memory, what it is called, and who maps it. No system calls: every answer is immediate.
#ifndef HOLDFAST_CATALOG_H_
#define HOLDFAST_CATALOG_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/digest.h"
#include "memory/segment.h"
#include "os/status.h"

namespace holdfast {

struct ModelFile {
  std::string path;
  // The blob that has its bytes.
  Digest id;
  // What the manifest states of the file; for clients, who know files by it.
  Digest sha256;
  uint64_t size_bytes = 0;
  // Index into Model::blobs; set by Publish.
  uint32_t blob = 0;
};

struct Model {
  std::string digest;
  std::vector<ModelFile> files;
  // Each blob once, in order of first use; set by Publish.
  std::vector<Digest> blobs;
};

struct LeaseInfo {
  uint64_t id = 0;
  std::string digest;
  pid_t pid = 0;
  std::string tenant;
};

class ReadyBitmap;

// One blob of an opened model.
struct GrantedBlob {
  std::shared_ptr<Segment> segment;
  // Null when the segment is complete.
  std::shared_ptr<ReadyBitmap> ready;
};

// An opened model. Its segments stay in memory until ReleaseLease(info.id).
struct LeaseGrant {
  LeaseInfo info;
  std::shared_ptr<const Model> model;
  std::vector<GrantedBlob> blobs;
};

enum class DropResult { kDropped, kLeased, kAbsent };

struct SegmentState {
  Digest digest;
  uint64_t size_bytes = 0;
  uint32_t leases = 0;
};

// `namespace/name` is `namespace/name:latest`.
std::string WithTag(std::string_view name);
// A name without a namespace gets this one. Digests and full names stay, and an empty namespace completes nothing.
std::string WithNamespace(std::string_view name, std::string_view name_space);

class Catalog {
 public:
  static std::unique_ptr<Catalog> Create();
  virtual ~Catalog() = default;

  // A blob on its way into memory, which may be opened by those who can wait. Nothing happens when the blob is there or arrives already.
  virtual void AddArriving(const Digest& digest, std::shared_ptr<Segment> segment, std::shared_ptr<ReadyBitmap> ready) = 0;
  // It will not come: leases on it stay, and see the failure in the bitmap.
  virtual void RemoveArriving(const Digest& digest, const std::shared_ptr<Segment>& segment) = 0;
  // A sealed segment; the end of its arriving, if it was added so.
  virtual void AddSegment(const Digest& digest, std::shared_ptr<Segment> segment) = 0;
  // Null when the blob is not in memory, or not all of it yet.
  virtual std::shared_ptr<Segment> FindSegment(const Digest& digest) const = 0;
  // The segment is handed out, so that it is freed outside of the lock.
  virtual DropResult TakeSegment(const Digest& digest, std::shared_ptr<Segment>* segment) = 0;

  // BAD_REQUEST on a malformed entry. `names` move here from whatever they meant before.
  virtual Status Publish(Model model, const std::vector<std::string>& names) = 0;
  virtual void Unpublish(const std::string& digest) = 0;
  virtual void RemoveName(const std::string& name) = 0;
  // Published names after `after`, with their tags, in alphabetical order, for as long as `visit` returns true.
  virtual void VisitNames(std::string_view after, const std::function<bool(const std::string& name, const std::string& digest)>& visit)
      const = 0;

  // Published models with every blob complete in memory, by digest, and the names of these.
  virtual void ListComplete(std::map<std::string, std::shared_ptr<const Model>>* models,
                            std::map<std::string, std::string>* names) const = 0;
  // Called after each change of what ListComplete says, without a lock. Set once, before anybody else uses the catalog.
  virtual void SetOnChange(std::function<void()> on_change) = 0;

  // Opens `namespace/name[:tag]` or `sha256:<digest>`. False when that is no published model with every blob in memory or, if that is
  // good enough, on its way there.
  virtual bool AcquireLease(std::string_view name, pid_t pid, const std::string& tenant, bool arriving,
                            std::shared_ptr<LeaseGrant>* grant) = 0;
  // False when the lease had ended already.
  virtual bool ReleaseLease(uint64_t id, LeaseInfo* info) = 0;

  virtual std::vector<SegmentState> ListSegments() const = 0;
  // False when the blob is not complete in memory; `leases` counts those of an arriving one all the same.
  virtual bool FindState(const Digest& digest, SegmentState* state) const = 0;
  virtual size_t segment_count() const = 0;
  virtual size_t lease_count() const = 0;
  // Counts the leases of every segment again, those included that the catalog has let go.
  virtual Status CheckInvariants() const = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_CATALOG_H_
