#include "transfer/chunk_source.h"

#include <algorithm>
#include <utility>

#include "disk/disk_files.h"
#include "os/mutex.h"
#include "os/unique_fd.h"

namespace holdfast {

namespace {

// Two of them per answer from the disk: one that is being sent, one ahead.
constexpr uint64_t kDiskPieceBytes = 1 << 20;
constexpr uint64_t kSegmentPieceBytes = 256 << 10;

class BytesSource final : public ChunkSource {
 public:
  explicit BytesSource(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  uint64_t size_bytes() const override { return bytes_.size(); }
  Status Next(uint64_t at_bytes, const std::function<void()>&, Piece* piece) override {
    *piece = {bytes_.data() + at_bytes, bytes_.size() - at_bytes};
    return Status();
  }

 private:
  const std::vector<uint8_t> bytes_;
};

// Piece by piece through memory that stays in the cache.
class SegmentSource final : public ChunkSource {
 public:
  SegmentSource(std::shared_ptr<Segment> segment, uint64_t offset_bytes, uint64_t size_bytes)
      : segment_(std::move(segment)), offset_bytes_(offset_bytes), size_bytes_(size_bytes) {}
  uint64_t size_bytes() const override { return size_bytes_; }
  Status Next(uint64_t at_bytes, const std::function<void()>&, Piece* piece) override {
    if (at_bytes >= start_bytes_ + piece_.size()) {
      start_bytes_ = at_bytes;
      piece_.resize(std::min(kSegmentPieceBytes, size_bytes_ - at_bytes));
      Status status = segment_->Read(offset_bytes_ + at_bytes, piece_.size(), piece_.data());
      if (!status.ok()) return status;
    }
    *piece = {piece_.data() + (at_bytes - start_bytes_), piece_.size() - (at_bytes - start_bytes_)};
    return Status();
  }

 private:
  const std::shared_ptr<Segment> segment_;
  const uint64_t offset_bytes_;
  const uint64_t size_bytes_;
  uint64_t start_bytes_ = 0;
  std::vector<uint8_t> piece_;
};

class DiskSource final : public ChunkSource {
 public:
  DiskSource(std::shared_ptr<Store> store, UniqueFd fd, uint64_t offset_bytes, uint64_t size_bytes)
      : state_(std::make_shared<State>(std::move(store), std::move(fd), offset_bytes, size_bytes)) {
    ReadAhead(state_, 0);
  }

  uint64_t size_bytes() const override { return state_->size_bytes; }

  Status Next(uint64_t at_bytes, const std::function<void()>& wake, Piece* piece) override {
    if (at_bytes >= start_bytes_ + current_.size()) {
      MutexLock lock(&state_->mutex);
      if (!state_->status.ok()) return state_->status;
      if (state_->is_reading) {
        state_->wake = wake;
        return Status();
      }
      start_bytes_ += current_.size();
      current_.swap(state_->ahead);
    } else {
      *piece = {current_.data() + (at_bytes - start_bytes_), current_.size() - (at_bytes - start_bytes_)};
      return Status();
    }
    const uint64_t next_bytes = start_bytes_ + current_.size();
    if (next_bytes < state_->size_bytes) ReadAhead(state_, next_bytes);
    *piece = {current_.data(), current_.size()};
    return Status();
  }

 private:
  struct State {
    State(std::shared_ptr<Store> from, UniqueFd file, uint64_t offset, uint64_t size)
        : store(std::move(from)), fd(std::move(file)), offset_bytes(offset), size_bytes(size) {}
    const std::shared_ptr<Store> store;
    const UniqueFd fd;
    const uint64_t offset_bytes;
    const uint64_t size_bytes;
    Mutex mutex;
    // While true, `ahead` belongs to the thread that reads.
    bool is_reading GUARDED_BY(mutex) = false;
    std::function<void()> wake GUARDED_BY(mutex);
    Status status GUARDED_BY(mutex);
    std::vector<uint8_t> ahead;
  };

  static void ReadAhead(const std::shared_ptr<State>& state, uint64_t at_bytes) {
    {
      MutexLock lock(&state->mutex);
      state->is_reading = true;
    }
    auto read = [state, at_bytes] {
      state->ahead.resize(std::min(kDiskPieceBytes, state->size_bytes - at_bytes));
      EndRead(state.get(), ReadFully(state->fd.get(), state->offset_bytes + at_bytes, state->ahead.data(), state->ahead.size()));
    };
    if (state->store->pool()->Submit(std::move(read))) return;
    EndRead(state.get(), Status::Error(code::kShuttingDown, "The store is closing."));
  }

  static void EndRead(State* state, Status status) {
    std::function<void()> wake;
    {
      MutexLock lock(&state->mutex);
      state->is_reading = false;
      state->status = std::move(status);
      wake = std::exchange(state->wake, nullptr);
    }
    if (wake) wake();
  }

  const std::shared_ptr<State> state_;
  std::vector<uint8_t> current_;
  // Of current_, in the range.
  uint64_t start_bytes_ = 0;
};

bool IsWithin(uint64_t blob_bytes, uint64_t offset_bytes, uint64_t size_bytes) {
  return offset_bytes <= blob_bytes && size_bytes <= blob_bytes - offset_bytes;
}

Status OpenOnPool(const std::shared_ptr<Store>& store, const Digest& blob, uint64_t offset_bytes, uint64_t size_bytes,
                  std::unique_ptr<ChunkSource>* source) {
  UniqueFd fd;
  uint64_t blob_bytes = 0;
  Status status = store->OpenOnDisk(blob, &fd, &blob_bytes);
  if (!status.ok()) return status;
  if (fd.valid()) {
    if (IsWithin(blob_bytes, offset_bytes, size_bytes)) *source = std::make_unique<DiskSource>(store, std::move(fd), offset_bytes, size_bytes);
    return Status();
  }
  // Of a blob that is arriving the verified chunks count; they are copied out at once, since its fill may end at any moment.
  std::vector<uint8_t> bytes(size_bytes);
  bool found = false;
  status = store->Read(blob, offset_bytes, size_bytes, bytes.data(), &found);
  if (status.ok() && found) *source = SourceOfBytes(std::move(bytes));
  return status;
}

}  // namespace

std::unique_ptr<ChunkSource> SourceOfBytes(std::vector<uint8_t> bytes) { return std::make_unique<BytesSource>(std::move(bytes)); }

void OpenStoreSource(std::shared_ptr<Store> store, const Digest& blob, uint64_t offset_bytes, uint64_t size_bytes,
                     std::function<void(Status, std::unique_ptr<ChunkSource>)> opened) {
  const std::shared_ptr<Segment> segment = store->catalog()->FindSegment(blob);
  if (segment != nullptr) {
    const bool is_within = IsWithin(segment->size_bytes(), offset_bytes, size_bytes);
    return opened(Status(), is_within ? std::make_unique<SegmentSource>(segment, offset_bytes, size_bytes) : nullptr);
  }
  auto open = [store, blob, offset_bytes, size_bytes, opened] {
    std::unique_ptr<ChunkSource> source;
    Status status = OpenOnPool(store, blob, offset_bytes, size_bytes, &source);
    opened(std::move(status), std::move(source));
  };
  if (!store->pool()->Submit(std::move(open))) opened(Status::Error(code::kShuttingDown, "The store is closing."), nullptr);
}

}  // namespace holdfast
