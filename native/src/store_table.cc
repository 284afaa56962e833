// Invariants: the lease count of a slot is the number of leases whose grant holds its segment. A slot with leases is never
// removed. names_ may name a model that is not published any more; then it resolves to nothing. A grant holds its model and
// segments by itself, so that unpublishing and renaming leave running leases alone.
#include "holdfast/store_table.h"

#include <unordered_map>

#include "holdfast/mutex.h"

namespace holdfast {

namespace {

// A frame of the socket has to hold at least one file entry.
constexpr size_t kPathBytesMax = 4096;
constexpr size_t kFilesMax = 1 << 20;
constexpr size_t kDigestBytesMax = 128;
constexpr std::string_view kDigestPrefix = "sha256:";
constexpr std::string_view kDefaultTag = ":latest";

std::string WithTag(std::string_view name) {
  std::string text(name);
  if (name.find(':') == std::string_view::npos) text += kDefaultTag;
  return text;
}

class StoreTableImpl final : public StoreTable {
 public:
  void AddSegment(const Digest& digest, std::shared_ptr<Segment> segment) override {
    MutexLock lock(&mutex_);
    slots_.try_emplace(digest, Slot{std::move(segment), 0});
  }

  std::shared_ptr<Segment> FindSegment(const Digest& digest) const override {
    MutexLock lock(&mutex_);
    const auto found = slots_.find(digest);
    return found == slots_.end() ? nullptr : found->second.segment;
  }

  DropResult TakeSegment(const Digest& digest, std::shared_ptr<Segment>* segment) override {
    MutexLock lock(&mutex_);
    const auto found = slots_.find(digest);
    if (found == slots_.end()) return DropResult::kAbsent;
    if (found->second.leases > 0) return DropResult::kLeased;
    *segment = std::move(found->second.segment);
    slots_.erase(found);
    return DropResult::kDropped;
  }

  Status Publish(Model model, const std::vector<std::string>& names) override {
    if (model.digest.empty() || model.digest.size() > kDigestBytesMax || model.files.size() > kFilesMax) {
      return Status::Error(code::kBadRequest, "A catalog entry needs a digest of at most 128 bytes and at most 1048576 files");
    }
    Status status = IndexBlobs(&model);
    if (!status.ok()) return status;
    auto published = std::make_shared<const Model>(std::move(model));
    MutexLock lock(&mutex_);
    for (const std::string& name : names) names_[WithTag(name)] = published->digest;
    models_[published->digest] = std::move(published);
    return Status();
  }

  void Unpublish(const std::string& digest) override {
    MutexLock lock(&mutex_);
    models_.erase(digest);
    std::erase_if(names_, [&](const auto& entry) { return entry.second == digest; });
  }

  void RemoveName(const std::string& name) override {
    MutexLock lock(&mutex_);
    names_.erase(WithTag(name));
  }

  bool AcquireLease(std::string_view name, pid_t pid, const std::string& tenant,
                    std::shared_ptr<LeaseGrant>* grant) override {
    MutexLock lock(&mutex_);
    const std::shared_ptr<const Model> model = Resolve(name);
    if (model == nullptr) return false;
    auto granted = std::make_shared<LeaseGrant>();
    granted->segments.reserve(model->blobs.size());
    for (const Digest& blob : model->blobs) {
      const auto found = slots_.find(blob);
      if (found == slots_.end()) return false;
      granted->segments.push_back(found->second.segment);
    }
    for (const Digest& blob : model->blobs) slots_.find(blob)->second.leases++;
    granted->info = {++last_lease_, model->digest, pid, tenant};
    granted->model = model;
    leases_.emplace(last_lease_, granted);
    *grant = std::move(granted);
    return true;
  }

  bool ReleaseLease(uint64_t id, LeaseInfo* info) override {
    // Freed after the lock: the last holder of a segment frees its memory.
    std::shared_ptr<LeaseGrant> released;
    MutexLock lock(&mutex_);
    const auto found = leases_.find(id);
    if (found == leases_.end()) return false;
    released = std::move(found->second);
    leases_.erase(found);
    for (const Digest& blob : released->model->blobs) slots_.find(blob)->second.leases--;
    *info = released->info;
    return true;
  }

  std::vector<SegmentState> ListSegments() const override {
    MutexLock lock(&mutex_);
    std::vector<SegmentState> states;
    states.reserve(slots_.size());
    for (const auto& [digest, slot] : slots_) states.push_back({digest, slot.segment->size_bytes(), slot.leases});
    return states;
  }

  bool FindState(const Digest& digest, SegmentState* state) const override {
    MutexLock lock(&mutex_);
    const auto found = slots_.find(digest);
    if (found == slots_.end()) return false;
    *state = {digest, found->second.segment->size_bytes(), found->second.leases};
    return true;
  }

  size_t segment_count() const override {
    MutexLock lock(&mutex_);
    return slots_.size();
  }

  size_t lease_count() const override {
    MutexLock lock(&mutex_);
    return leases_.size();
  }

  Status CheckInvariants() const override {
    MutexLock lock(&mutex_);
    std::unordered_map<Digest, uint32_t, DigestHash> counts;
    for (const auto& [id, grant] : leases_) {
      for (const Digest& blob : grant->model->blobs) counts[blob]++;
    }
    for (const auto& [digest, slot] : slots_) {
      const auto found = counts.find(digest);
      const uint32_t counted = found == counts.end() ? 0 : found->second;
      if (counted != slot.leases) {
        return Status::Error(code::kSystem, "broken invariant: segment " + digest.ToHex() + " has " +
                                                std::to_string(slot.leases) + " leases, counted " + std::to_string(counted));
      }
      counts.erase(digest);
    }
    if (!counts.empty()) {
      return Status::Error(code::kSystem, "broken invariant: a lease maps blob " + counts.begin()->first.ToHex() +
                                              ", which has no segment");
    }
    return Status();
  }

 private:
  struct Slot {
    std::shared_ptr<Segment> segment;
    uint32_t leases = 0;
  };

  static Status IndexBlobs(Model* model) {
    std::unordered_map<Digest, uint32_t, DigestHash> indices;
    std::unordered_map<Digest, uint64_t, DigestHash> sizes;
    model->blobs.clear();
    for (ModelFile& file : model->files) {
      if (file.path.empty() || file.path.size() > kPathBytesMax) {
        return Status::Error(code::kBadRequest, "A file path is empty or longer than 4096 bytes");
      }
      if (sizes.emplace(file.sha256, file.size_bytes).first->second != file.size_bytes) {
        return Status::Error(code::kBadRequest, "Two files give blob " + file.sha256.ToHex() + " different sizes");
      }
      const auto [entry, added] = indices.emplace(file.sha256, static_cast<uint32_t>(model->blobs.size()));
      if (added) model->blobs.push_back(file.sha256);
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

  mutable Mutex mutex_;
  uint64_t last_lease_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<Digest, Slot, DigestHash> slots_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::shared_ptr<const Model>> models_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::string> names_ GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, std::shared_ptr<LeaseGrant>> leases_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<StoreTable> StoreTable::Create() { return std::make_unique<StoreTableImpl>(); }

}  // namespace holdfast
