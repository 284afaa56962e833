// Invariants: a blob in filling_ has exactly one open fill. A fill may outlive the store (its owner holds it): everything that
// it uses when it ends is shared with it (Shared), except the pool, which is stopped before it goes and which a fill does
// not use when it ends.
#include "memory/store.h"

#include <fcntl.h>

#include <algorithm>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "memory/reattachment.h"
#include "memory/export_folder.h"
#include "memory/file_import.h"
#include "memory/memory_budget.h"
#include "os/mutex.h"
#include "memory/promotion.h"
#include "memory/ready_bitmap.h"

namespace holdfast {

namespace {

// More than two processors: threads that read wait for the disk for most of their time.
constexpr int kThreadsMin = 4;
constexpr int kThreadsMax = 16;
constexpr int kFileThreads = 4;

int ThreadCount(int asked) {
  if (asked > 0) return asked;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), kThreadsMin, kThreadsMax);
}

struct Shared {
  std::unique_ptr<Catalog> catalog = Catalog::Create();
  Mutex mutex;
  // Null until the fill is made.
  std::unordered_map<Digest, std::weak_ptr<Fill>, DigestHash> filling GUARDED_BY(mutex);

  std::shared_ptr<Fill> FindFill(const Digest& digest) {
    MutexLock lock(&mutex);
    const auto found = filling.find(digest);
    return found == filling.end() ? nullptr : found->second.lock();
  }
};

class StoreImpl final : public Store {
 public:
  explicit StoreImpl(const StoreOptions& options)
      : shared_(std::make_shared<Shared>()),
        budget_(MemoryBudget::Create(options.memory_limit_bytes, options.large_pages)),
        file_pool_(ThreadPool::Create(kFileThreads)),
        pool_(ThreadPool::Create(ThreadCount(options.thread_count))) {}

  ~StoreImpl() override { Stop(); }

  Status Init(const StoreOptions& options, StoreListener* listener) {
    Status status;
    if (options.disk_limit_bytes > 0) status = DiskTier::Open(options.disk_path, options.disk_limit_bytes, &disk_);
    if (status.ok() && !options.export_path.empty()) {
      status = ExportFolder::Open(options.export_path, options.memory_limit_bytes, &export_);
    }
    if (!status.ok()) return status;
    if (export_ != nullptr) {
      shared_->catalog->SetOnChange([folder = export_, catalog = shared_->catalog.get()] { folder->ShowModels(*catalog); });
    }
    promoter_ = std::make_unique<Promoter>(disk_, budget_, export_, shared_->catalog.get(), pool_.get());
    reattachment_ = std::make_unique<Reattachment>(budget_, shared_->catalog.get(), pool_.get());
    ServerOptions server = options.server;
    server.counters = [this] { return Counters(); };
    return Server::Start(server, shared_->catalog.get(), listener, &server_);
  }

  ThreadPool* pool() override { return pool_.get(); }
  ThreadPool* file_pool() override { return file_pool_.get(); }
  Server* server() override { return server_.get(); }
  Catalog* catalog() override { return shared_->catalog.get(); }

  Status BeginFill(BlobSpec spec, bool memory, bool disk, std::shared_ptr<Fill>* fill) override {
    Status status = ValidateBlobSpec(spec);
    if (!status.ok()) return status;
    if (!memory && !disk) return Status::Error(code::kBadRequest, "A fill needs memory, disk or both.");
    {
      MutexLock lock(&shared_->mutex);
      if (!shared_->filling.try_emplace(spec.digest).second) {
        return Status::Error(code::kBadRequest, "Blob " + spec.digest.ToHex() + " is being filled already; join that fill.");
      }
    }
    FillTargets targets;
    status = MakeTargets(spec, memory, disk, &targets);
    if (!status.ok()) {
      EndFilling(shared_.get(), spec.digest, nullptr, nullptr);
      return status;
    }
    const Digest digest = spec.digest;
    const std::shared_ptr<Segment> segment = targets.segment;
    if (targets.ready != nullptr) shared_->catalog->AddArriving(digest, segment, targets.ready);
    *fill = Fill::Create(std::move(spec), std::move(targets), pool_.get(),
                         [shared = shared_, digest, filled = std::weak_ptr<Segment>(segment)](std::shared_ptr<Segment> sealed) {
                           EndFilling(shared.get(), digest, filled.lock(), std::move(sealed));
                         });
    MutexLock lock(&shared_->mutex);
    shared_->filling[digest] = *fill;
    return Status();
  }

  Status ImportFile(const std::string& path, uint64_t chunk_bytes, Digest* id, uint64_t* size_bytes) override {
    if (disk_ == nullptr) return Status::Error(code::kDiskFull, "The disk tier is off; a file cannot be imported.");
    return ImportFileTo(disk_.get(), pool_.get(), path, chunk_bytes, id, size_bytes);
  }

  void Promote(const Digest& digest, std::unique_ptr<const BlobProof> proof, std::function<void(Status)> done) override {
    promoter_->Promote(digest, std::move(proof), std::move(done));
  }

  Status Read(const Digest& digest, uint64_t offset_bytes, uint64_t size_bytes, uint8_t* target, bool* found) override {
    Status status = ReadWhole(digest, offset_bytes, size_bytes, target, found);
    if (*found) return status;
    const std::shared_ptr<Fill> fill = shared_->FindFill(digest);
    if (fill == nullptr) return status;
    *found = fill->ReadVerified(offset_bytes, size_bytes, target);
    // The fill may have ended well between the two looks.
    return *found ? Status() : ReadWhole(digest, offset_bytes, size_bytes, target, found);
  }

  Status OpenOnDisk(const Digest& digest, UniqueFd* fd, uint64_t* size_bytes) override {
    if (disk_ == nullptr || !disk_->Find(digest, nullptr)) return Status();
    return disk_->OpenBlob(digest, fd, size_bytes);
  }

  Status Reattach(uint32_t request_id, const std::vector<WantedBlob>& wanted,
                  std::function<void(std::vector<Reattached>)> done) override {
    return reattachment_->Run(server_->TakeHeld(request_id), wanted, std::move(done));
  }

  bool DropMemory(const Digest& digest) override {
    std::shared_ptr<Segment> segment;
    return shared_->catalog->TakeSegment(digest, &segment) == DropResult::kDropped;
  }

  bool DropDisk(const Digest& digest) override { return disk_ != nullptr && disk_->Remove(digest); }

  std::string DiskPathOf(const Digest& digest) const override {
    return disk_ != nullptr && disk_->Find(digest, nullptr) ? disk_->PathOf(digest) : std::string();
  }

  std::string ExportedPathOf(const std::string& model) const override {
    return export_ == nullptr ? std::string() : export_->PathOf(model, *shared_->catalog);
  }

  Status DigestDisk(const Digest& name, const Cut& cut, bool* found, BlobDigests* digests) override {
    UniqueFd fd;
    uint64_t size_bytes = 0;
    // A file that is gone or cut short is removed from the index by this.
    *found = disk_ != nullptr && disk_->Find(name, nullptr) && disk_->OpenBlob(name, &fd, &size_bytes).ok();
    if (!*found) return Status();
    Status status = ValidateCut(cut, size_bytes);
    if (status.ok()) status = DigestFile(fd.get(), cut, *pool_, digests);
    posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    return status;
  }

  Status VerifyDisk(const Digest& id, const Cut& cut, bool* good, Digest* sha256) override {
    BlobDigests digests;
    Status status = DigestDisk(id, cut, good, &digests);
    if (!*good) return status;
    if (!status.ok() && status.code() != code::kDiskFailed) return status;
    *good = status.ok() && digests.id == id;
    *sha256 = digests.sha256;
    if (!*good) disk_->GiveUp(id);
    return Status();
  }

  Status HashOnDisk(const Digest& id, uint64_t offset_bytes, uint64_t size_bytes, bool keeps_cached, bool* found, Digest* sha256) override {
    UniqueFd fd;
    uint64_t blob_bytes = 0;
    *found = disk_ != nullptr && disk_->Find(id, nullptr) && disk_->OpenBlob(id, &fd, &blob_bytes).ok();
    if (!*found) return Status();
    if (offset_bytes > blob_bytes || size_bytes > blob_bytes - offset_bytes) {
      return Status::Error(code::kBadRequest, "The range ends beyond the blob.");
    }
    Status status = DigestRange(fd.get(), offset_bytes, size_bytes, *pool_, sha256);
    if (!keeps_cached) posix_fadvise(fd.get(), static_cast<off_t>(offset_bytes), static_cast<off_t>(size_bytes), POSIX_FADV_DONTNEED);
    if (status.code() != code::kDiskFailed) return status;
    disk_->GiveUp(id);
    *found = false;
    return Status();
  }

  void GiveUpOnDisk(const Digest& id) override {
    if (disk_ != nullptr) disk_->GiveUp(id);
  }

  Status TakeOver(const std::vector<BlobMove>& moves, uint64_t* moved) override {
    return disk_ == nullptr ? Status() : disk_->TakeOver(moves, moved);
  }

  std::vector<BlobState> ListBlobs() const override;
  bool FindBlob(const Digest& digest, BlobState* state) const override;

  bool FindFilling(const Digest& digest, uint64_t* size_bytes) const override {
    const std::shared_ptr<Fill> fill = shared_->FindFill(digest);
    if (fill != nullptr) *size_bytes = fill->size_bytes();
    return fill != nullptr;
  }

  StoreStats stats() const override {
    StoreStats stats;
    stats.memory_used_bytes = budget_->used_bytes();
    stats.memory_limit_bytes = budget_->limit_bytes();
    if (disk_ != nullptr) {
      stats.disk_used_bytes = disk_->used_bytes();
      stats.disk_limit_bytes = disk_->limit_bytes();
      stats.disk_failures = disk_->failure_count();
    }
    stats.segments = shared_->catalog->segment_count();
    stats.reserved_pages = budget_->use_of(Pages::kReserved);
    stats.asked_pages = budget_->use_of(Pages::kAsked);
    stats.leases = shared_->catalog->lease_count();
    stats.server = server_->stats();
    return stats;
  }

  Status CheckInvariants() const override {
    Status status = budget_->CheckInvariants();
    if (status.ok()) status = shared_->catalog->CheckInvariants();
    if (status.ok() && disk_ != nullptr) status = disk_->CheckInvariants();
    if (!status.ok()) return status;
    uint64_t segments_bytes = 0;
    for (const SegmentState& state : shared_->catalog->ListSegments()) {
      segments_bytes += MemoryBudget::PageRounded(state.size_bytes);
    }
    // More is used while blobs are being filled, promoted or read.
    if (segments_bytes <= budget_->used_bytes()) return Status();
    return Status::Error(code::kSystem, "Broken invariant: segments have " + std::to_string(segments_bytes) +
                                            " bytes, reserved are " + std::to_string(budget_->used_bytes()) + ".");
  }

  void Close() override {
    MutexLock lock(&ending_);
    if (server_ != nullptr) server_->Stop();
    file_pool_->Drain();
    pool_->Drain();
    file_pool_->Shutdown();
    pool_->Shutdown();
    if (export_ != nullptr) export_->Close();
  }

  void Stop() override {
    MutexLock lock(&ending_);
    if (server_ != nullptr) server_->Stop();
    file_pool_->Shutdown();
    pool_->Shutdown();
    if (export_ != nullptr) export_->Close();
  }

 private:
  StoreCounters Counters() const {
    StoreCounters counters;
    counters.memory_used_bytes = budget_->used_bytes();
    counters.memory_limit_bytes = budget_->limit_bytes();
    if (disk_ != nullptr) {
      counters.disk_used_bytes = disk_->used_bytes();
      counters.disk_limit_bytes = disk_->limit_bytes();
    }
    counters.segments = shared_->catalog->segment_count();
    counters.leases = shared_->catalog->lease_count();
    return counters;
  }

  // From a blob that is complete.
  Status ReadWhole(const Digest& digest, uint64_t offset_bytes, uint64_t size_bytes, uint8_t* target, bool* found) {
    *found = true;
    const std::shared_ptr<Segment> segment = shared_->catalog->FindSegment(digest);
    if (segment != nullptr) return segment->Read(offset_bytes, size_bytes, target);
    *found = disk_ != nullptr && disk_->Find(digest, nullptr);
    if (!*found) return Status();
    UniqueFd fd;
    uint64_t blob_bytes = 0;
    Status status = disk_->OpenBlob(digest, &fd, &blob_bytes);
    if (!status.ok()) return status;
    if (offset_bytes > blob_bytes || size_bytes > blob_bytes - offset_bytes) {
      return Status::Error(code::kBadRequest, "The range ends beyond the blob.");
    }
    return ReadFully(fd.get(), offset_bytes, target, size_bytes);
  }

  // `filled` is what arrived, `sealed` the same when it arrived well.
  static void EndFilling(Shared* shared, const Digest& digest, const std::shared_ptr<Segment>& filled,
                         std::shared_ptr<Segment> sealed) {
    if (sealed != nullptr) {
      shared->catalog->AddSegment(digest, std::move(sealed));
    } else if (filled != nullptr) {
      shared->catalog->RemoveArriving(digest, filled);
    }
    MutexLock lock(&shared->mutex);
    shared->filling.erase(digest);
  }

  Status MakeTargets(const BlobSpec& spec, bool memory, bool disk, FillTargets* targets) {
    const bool to_memory = memory && shared_->catalog->FindSegment(spec.digest) == nullptr;
    const bool to_disk = disk && disk_ != nullptr && !disk_->Find(spec.digest, nullptr);
    if (disk && disk_ == nullptr && !memory) return Status::Error(code::kDiskFull, "The disk tier is off.");
    if (to_memory) {
      MemoryReservation reservation;
      Status status = budget_->Reserve(spec.size_bytes, &reservation);
      if (status.ok()) {
        status = Segment::CreateFor(spec.digest, spec.size_bytes, std::move(reservation), export_, &targets->segment);
      }
      if (status.ok() && spec.size_bytes > 0) status = MakeReadyBitmap(spec, &targets->ready);
      if (!status.ok()) return status;
    }
    if (to_disk) {
      Status status = disk_->BeginPartial(spec.digest, spec.size_bytes, &targets->partial);
      // With memory asked for, the disk is an extra that may be full.
      if (!status.ok() && !memory) return status;
    }
    targets->present = targets->segment == nullptr && targets->partial == nullptr;
    return Status();
  }

  static Status MakeReadyBitmap(const BlobSpec& spec, std::shared_ptr<ReadyBitmap>* ready) {
    std::vector<uint64_t> ends;
    ends.reserve(spec.chunks.size());
    uint64_t end_bytes = 0;
    for (const ChunkSpec& chunk : spec.chunks) ends.push_back(end_bytes += chunk.size_bytes);
    return ReadyBitmap::Create("holdfast-ready:" + spec.digest.ToHex(), ends, ready);
  }

  // One thread at a time ends the others: the process may exit while a Close runs.
  Mutex ending_;
  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<MemoryBudget> budget_;
  std::shared_ptr<DiskTier> disk_;
  // Null when segments are memfds.
  std::shared_ptr<ExportFolder> export_;
  // Before those whose work runs on it: it goes last, but Stop has ended its threads by then.
  const std::unique_ptr<ThreadPool> file_pool_;
  const std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Promoter> promoter_;
  std::unique_ptr<Reattachment> reattachment_;
  std::unique_ptr<Server> server_;
};

std::vector<BlobState> StoreImpl::ListBlobs() const {
  std::vector<BlobState> states;
  std::unordered_set<Digest, DigestHash> seen;
  for (const SegmentState& segment : shared_->catalog->ListSegments()) {
    const bool on_disk = disk_ != nullptr && disk_->Find(segment.digest, nullptr);
    states.push_back({segment.digest, segment.size_bytes, true, on_disk, segment.leases});
    seen.insert(segment.digest);
  }
  if (disk_ == nullptr) return states;
  for (const auto& [digest, size_bytes] : disk_->List()) {
    if (!seen.contains(digest)) states.push_back({digest, size_bytes, false, true, 0});
  }
  return states;
}

bool StoreImpl::FindBlob(const Digest& digest, BlobState* state) const {
  SegmentState segment;
  state->id = digest;
  state->on_disk = disk_ != nullptr && disk_->Find(digest, &state->size_bytes);
  state->in_memory = shared_->catalog->FindState(digest, &segment);
  if (state->in_memory) state->size_bytes = segment.size_bytes;
  state->leases = segment.leases;
  return state->on_disk || state->in_memory;
}

}  // namespace

Status Store::Open(const StoreOptions& options, StoreListener* listener, std::unique_ptr<Store>* store) {
  auto opened = std::make_unique<StoreImpl>(options);
  Status status = opened->Init(options, listener);
  if (status.ok()) *store = std::move(opened);
  return status;
}

}  // namespace holdfast
