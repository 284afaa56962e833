#include "transfer/chunk_sinks.h"

#include <utility>

namespace holdfast {

namespace {

class MemoryWrite final : public ChunkWrite {
 public:
  explicit MemoryWrite(std::shared_ptr<std::vector<uint8_t>> bytes) : bytes_(std::move(bytes)) {}
  uint64_t missing_bytes() const override { return bytes_->size() - at_bytes_; }
  Status Write(const Producer& producer, size_t* written_bytes) override {
    *written_bytes = producer(bytes_->data() + at_bytes_, bytes_->size() - at_bytes_);
    at_bytes_ += *written_bytes;
    return Status();
  }
  void End(std::function<void(Status)> done) override { done(Status()); }

 private:
  const std::shared_ptr<std::vector<uint8_t>> bytes_;
  uint64_t at_bytes_ = 0;
};

class PlacesWrite final : public ChunkWrite {
 public:
  PlacesWrite(std::unique_ptr<ChunkWrite> first, std::vector<FillPlace> places, uint64_t size_bytes, ThreadPool* pool)
      : first_(std::move(first)), places_(std::move(places)), size_bytes_(size_bytes), pool_(pool) {}

  uint64_t missing_bytes() const override { return first_->missing_bytes(); }
  Status Write(const Producer& producer, size_t* written_bytes) override { return first_->Write(producer, written_bytes); }

  void End(std::function<void(Status)> done) override {
    first_->End([places = places_, size_bytes = size_bytes_, pool = pool_, done](Status status) {
      if (!status.ok()) return done(std::move(status));
      if (pool->Submit([places, size_bytes, done] { done(CopyToOthers(places, size_bytes)); })) return;
      done(Status::Error(code::kShuttingDown, "The store is closing."));
    });
  }

 private:
  static Status CopyToOthers(const std::vector<FillPlace>& places, uint64_t size_bytes) {
    std::vector<uint8_t> bytes(size_bytes);
    if (!places[0].fill->ReadVerified(places[0].offset_bytes, size_bytes, bytes.data())) {
      return Status::Error(code::kBadRequest, "The fill has ended.");
    }
    for (size_t i = 1; i < places.size(); i++) {
      Status status = places[i].fill->PutChunk(places[i].index, bytes.data(), size_bytes);
      if (!status.ok()) return status;
    }
    return Status();
  }

  const std::unique_ptr<ChunkWrite> first_;
  const std::vector<FillPlace> places_;
  const uint64_t size_bytes_;
  ThreadPool* const pool_;
};

}  // namespace

Status BeginInPlaces(std::vector<FillPlace> places, uint64_t size_bytes, ThreadPool* pool, std::unique_ptr<ChunkWrite>* write) {
  if (places.empty()) return Status::Error(code::kBadRequest, "A chunk without a place was asked for.");
  Status status = places[0].fill->BeginChunk(places[0].index, write);
  if (!status.ok() || places.size() == 1) return status;
  *write = std::make_unique<PlacesWrite>(std::move(*write), std::move(places), size_bytes, pool);
  return Status();
}

std::unique_ptr<ChunkWrite> BeginInMemory(std::shared_ptr<std::vector<uint8_t>> bytes) {
  return std::make_unique<MemoryWrite>(std::move(bytes));
}

}  // namespace holdfast
