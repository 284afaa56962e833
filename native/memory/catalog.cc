// Invariants: the lease count of a slot is the number of leases whose grant was made from it. A complete slot with leases is never
// removed from slots_; an arriving one is when its fill fails, and then lives on in the leases. names_ may name a model that is not published any more; then it resolves to nothing. A grant holds its model and
// segments by itself, so that unpublishing and renaming leave running leases alone.
#include "memory/catalog.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "os/mutex.h"
#include "memory/ready_bitmap.h"

namespace holdfast {

namespace {

// A frame of the socket has to hold at least one file entry.
constexpr size_t kPathBytesMax = 4096;
constexpr size_t kFilesMax = 1 << 20;
constexpr size_t kDigestBytesMax = 128;
constexpr std::string_view kDigestPrefix = "sha256:";
constexpr std::string_view kDefaultTag = ":latest";

class CatalogImpl final : public Catalog {
 public:
  void AddArriving(const Digest& digest, std::shared_ptr<Segment> segment, std::shared_ptr<ReadyBitmap> ready) override {
    MutexLock lock(&mutex_);
    slots_.try_emplace(digest, std::make_shared<Slot>(Slot{{std::move(segment), std::move(ready)}, 0}));
  }

  void RemoveArriving(const Digest& digest, const std::shared_ptr<Segment>& segment) override {
    // Freed after the lock.
    std::shared_ptr<Slot> removed;
    MutexLock lock(&mutex_);
    const auto found = slots_.find(digest);
    if (found == slots_.end() || found->second->blob.ready == nullptr || found->second->blob.segment != segment) return;
    removed = std::move(found->second);
    slots_.erase(found);
  }

  void AddSegment(const Digest& digest, std::shared_ptr<Segment> segment) override {
    {
      MutexLock lock(&mutex_);
      std::shared_ptr<Slot>& slot = slots_[digest];
      if (slot != nullptr && slot->blob.ready == nullptr) return;
      if (slot == nullptr || slot->blob.segment != segment) slot = std::make_shared<Slot>(Slot{{std::move(segment), nullptr}, 0});
      slot->blob.ready = nullptr;
    }
    on_change_();
  }

  std::shared_ptr<Segment> FindSegment(const Digest& digest) const override {
    MutexLock lock(&mutex_);
    const Slot* slot = FindComplete(digest);
    return slot == nullptr ? nullptr : slot->blob.segment;
  }

  DropResult TakeSegment(const Digest& digest, std::shared_ptr<Segment>* segment) override {
    {
      MutexLock lock(&mutex_);
      const Slot* slot = FindComplete(digest);
      if (slot == nullptr) return DropResult::kAbsent;
      if (slot->leases > 0) return DropResult::kLeased;
      *segment = slot->blob.segment;
      slots_.erase(digest);
    }
    on_change_();
    return DropResult::kDropped;
  }

  Status Publish(Model model, const std::vector<std::string>& names) override {
    if (model.digest.empty() || model.digest.size() > kDigestBytesMax || model.files.size() > kFilesMax) {
      return Status::Error(code::kBadRequest, "A catalog entry needs a digest of at most 128 bytes and at most 1048576 files.");
    }
    Status status = IndexBlobs(&model);
    if (!status.ok()) return status;
    auto published = std::make_shared<const Model>(std::move(model));
    {
      MutexLock lock(&mutex_);
      for (const std::string& name : names) names_[WithTag(name)] = published->digest;
      models_[published->digest] = std::move(published);
    }
    on_change_();
    return Status();
  }

  void Unpublish(const std::string& digest) override {
    {
      MutexLock lock(&mutex_);
      models_.erase(digest);
      std::erase_if(names_, [&](const auto& entry) { return entry.second == digest; });
    }
    on_change_();
  }

  void RemoveName(const std::string& name) override {
    {
      MutexLock lock(&mutex_);
      names_.erase(WithTag(name));
    }
    on_change_();
  }

  void VisitNames(std::string_view after,
                  const std::function<bool(const std::string& name, const std::string& digest)>& visit) const override {
    MutexLock lock(&mutex_);
    for (auto it = names_.upper_bound(after); it != names_.end(); ++it) {
      if (models_.contains(it->second) && !visit(it->first, it->second)) return;
    }
  }

  void ListComplete(std::map<std::string, std::shared_ptr<const Model>>* models,
                    std::map<std::string, std::string>* names) const override {
    MutexLock lock(&mutex_);
    for (const auto& [digest, model] : models_) {
      const bool complete = std::all_of(model->blobs.begin(), model->blobs.end(), [this](const Digest& blob) REQUIRES(mutex_) {
        const auto found = slots_.find(blob);
        return found != slots_.end() && found->second->blob.ready == nullptr;
      });
      if (complete) models->emplace(digest, model);
    }
    for (const auto& [name, digest] : names_) {
      if (models->contains(digest)) names->emplace(name, digest);
    }
  }

  void SetOnChange(std::function<void()> on_change) override { on_change_ = std::move(on_change); }

  bool AcquireLease(std::string_view name, pid_t pid, const std::string& tenant, bool arriving,
                    std::shared_ptr<LeaseGrant>* grant) override {
    MutexLock lock(&mutex_);
    const std::shared_ptr<const Model> model = Resolve(name);
    if (model == nullptr) return false;
    Lease lease;
    auto granted = std::make_shared<LeaseGrant>();
    granted->blobs.reserve(model->blobs.size());
    lease.slots.reserve(model->blobs.size());
    for (const Digest& blob : model->blobs) {
      const auto found = slots_.find(blob);
      if (found == slots_.end() || (found->second->blob.ready != nullptr && !arriving)) return false;
      granted->blobs.push_back(found->second->blob);
      lease.slots.push_back(found->second);
    }
    for (const std::shared_ptr<Slot>& slot : lease.slots) slot->leases++;
    granted->info = {++last_lease_, model->digest, pid, tenant};
    granted->model = model;
    lease.info = granted->info;
    leases_.emplace(last_lease_, std::move(lease));
    *grant = std::move(granted);
    return true;
  }

  bool ReleaseLease(uint64_t id, LeaseInfo* info) override {
    // Freed after the lock: the last holder of a segment frees its memory.
    Lease released;
    MutexLock lock(&mutex_);
    const auto found = leases_.find(id);
    if (found == leases_.end()) return false;
    released = std::move(found->second);
    leases_.erase(found);
    for (const std::shared_ptr<Slot>& slot : released.slots) slot->leases--;
    *info = released.info;
    return true;
  }

  std::vector<SegmentState> ListSegments() const override {
    MutexLock lock(&mutex_);
    std::vector<SegmentState> states;
    states.reserve(slots_.size());
    for (const auto& [digest, slot] : slots_) {
      if (slot->blob.ready == nullptr) states.push_back({digest, slot->blob.segment->size_bytes(), slot->leases});
    }
    return states;
  }

  bool FindState(const Digest& digest, SegmentState* state) const override {
    MutexLock lock(&mutex_);
    const auto found = slots_.find(digest);
    if (found == slots_.end()) return false;
    *state = {digest, found->second->blob.segment->size_bytes(), found->second->leases};
    return found->second->blob.ready == nullptr;
  }

  size_t segment_count() const override {
    MutexLock lock(&mutex_);
    size_t count = 0;
    for (const auto& [digest, slot] : slots_) count += slot->blob.ready == nullptr;
    return count;
  }

  size_t lease_count() const override {
    MutexLock lock(&mutex_);
    return leases_.size();
  }

  Status CheckInvariants() const override {
    MutexLock lock(&mutex_);
    std::unordered_map<const Slot*, uint32_t> counts;
    for (const auto& [digest, slot] : slots_) counts[slot.get()] = 0;
    for (const auto& [id, lease] : leases_) {
      for (const std::shared_ptr<Slot>& slot : lease.slots) counts[slot.get()]++;
    }
    for (const auto& [slot, counted] : counts) {
      if (counted == slot->leases) continue;
      return Status::Error(code::kSystem, "Broken invariant: a segment of " + std::to_string(slot->blob.segment->size_bytes()) +
                                              " bytes has " + std::to_string(slot->leases) + " leases, counted " +
                                              std::to_string(counted) + ".");
    }
    for (const auto& [digest, slot] : slots_) {
      if (slot->blob.ready == nullptr && !slot->blob.segment->sealed()) {
        return Status::Error(code::kSystem, "Broken invariant: segment " + digest.ToHex() + " is complete but not sealed.");
      }
    }
    return Status();
  }

 private:
  struct Slot {
    GrantedBlob blob;
    uint32_t leases = 0;
  };

  struct Lease {
    LeaseInfo info;
    std::vector<std::shared_ptr<Slot>> slots;
  };

  // Null when the blob is absent or arriving.
  const Slot* FindComplete(const Digest& digest) const REQUIRES(mutex_) {
    const auto found = slots_.find(digest);
    return found == slots_.end() || found->second->blob.ready != nullptr ? nullptr : found->second.get();
  }

  static Status IndexBlobs(Model* model) {
    std::unordered_map<Digest, uint32_t, DigestHash> indices;
    std::unordered_map<Digest, uint64_t, DigestHash> sizes;
    model->blobs.clear();
    for (ModelFile& file : model->files) {
      if (file.path.empty() || file.path.size() > kPathBytesMax) {
        return Status::Error(code::kBadRequest, "A file path is empty or longer than 4096 bytes.");
      }
      if (sizes.emplace(file.id, file.size_bytes).first->second != file.size_bytes) {
        return Status::Error(code::kBadRequest, "Two files give blob " + file.id.ToHex() + " different sizes.");
      }
      const auto [entry, added] = indices.emplace(file.id, static_cast<uint32_t>(model->blobs.size()));
      if (added) model->blobs.push_back(file.id);
      file.blob = entry->second;
    }
    return Status();
  }

  std::shared_ptr<const Model> Resolve(std::string_view name) const REQUIRES(mutex_) {
    std::string digest;
    if (name.starts_with(kDigestPrefix)) {
      digest = name.substr(kDigestPrefix.size());
    } else {
      const auto named = names_.find(WithTag(name));
      if (named == names_.end()) return nullptr;
      digest = named->second;
    }
    const auto found = models_.find(digest);
    return found == models_.end() ? nullptr : found->second;
  }

  std::function<void()> on_change_ = [] {};
  mutable Mutex mutex_;
  uint64_t last_lease_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<Digest, std::shared_ptr<Slot>, DigestHash> slots_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::shared_ptr<const Model>> models_ GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> names_ GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, Lease> leases_ GUARDED_BY(mutex_);
};

}  // namespace

std::string WithTag(std::string_view name) {
  std::string text(name);
  if (name.find(':') == std::string_view::npos) text += kDefaultTag;
  return text;
}

std::string WithNamespace(std::string_view name, std::string_view name_space) {
  std::string text(name);
  const bool flat = name.find('/') == std::string_view::npos && !name.starts_with(kDigestPrefix);
  return flat && !name_space.empty() ? std::string(name_space) + "/" + text : text;
}

std::unique_ptr<Catalog> Catalog::Create() { return std::make_unique<CatalogImpl>(); }

}  // namespace holdfast
