// Invariant: the segment is touched only under the lock of the claim and while that is not revoked. All bytes are hashed, also those that
// are not kept: wrong ones are told of, whoever else has brought the chunk.
#include "memory/chunk_writers.h"

#include <algorithm>
#include <utility>

#include "os/sha256.h"

namespace holdfast {

namespace {

// The bytes of one write: enough that a call per piece costs nothing, and few enough to be in the cache still when they are hashed.
constexpr uint64_t kPieceBytes = 256 << 10;

class SegmentWrite final : public ChunkWrite {
 public:
  SegmentWrite(std::shared_ptr<ChunkKeeper> keeper, uint32_t index, std::shared_ptr<Segment> segment, std::shared_ptr<Claim> claim)
      : keeper_(std::move(keeper)), index_(index), segment_(std::move(segment)), claim_(std::move(claim)) {}

  ~SegmentWrite() override {
    if (!ended_) keeper_->GiveUp(index_, claim_.get());
  }

  uint64_t missing_bytes() const override { return keeper_->chunk_bytes(index_) - at_bytes_; }

  Status Write(const Producer& producer, size_t* written_bytes) override {
    // One per thread: it stays in the cache from the producer to the copy.
    static thread_local const std::unique_ptr<uint8_t[]> piece(new uint8_t[kPieceBytes]);
    *written_bytes = producer(piece.get(), std::min(kPieceBytes, missing_bytes()));
    const uint64_t offset_bytes = keeper_->chunk_offset_bytes(index_) + at_bytes_;
    at_bytes_ += *written_bytes;
    hash_.Update(piece.get(), *written_bytes);
    MutexLock lock(&claim_->mutex);
    // Another writer was faster.
    if (claim_->revoked) return Status();
    return segment_->Write(offset_bytes, piece.get(), *written_bytes);
  }

  void End(std::function<void(Status)> done) override {
    ended_ = true;
    if (hash_.Final() == keeper_->chunk_digest(index_)) return done(keeper_->KeepClaimed(index_, claim_.get()));
    keeper_->GiveUp(index_, claim_.get());
    done(keeper_->WrongBytes(index_));
  }

 private:
  const std::shared_ptr<ChunkKeeper> keeper_;
  const uint32_t index_;
  const std::shared_ptr<Segment> segment_;
  const std::shared_ptr<Claim> claim_;
  uint64_t at_bytes_ = 0;
  bool ended_ = false;
  Sha256 hash_;
};

class MemoryWrite final : public ChunkWrite {
 public:
  MemoryWrite(std::shared_ptr<ChunkKeeper> keeper, uint32_t index)
      : keeper_(std::move(keeper)), index_(index), bytes_(new uint8_t[keeper_->chunk_bytes(index)]) {}

  uint64_t missing_bytes() const override { return keeper_->chunk_bytes(index_) - at_bytes_; }

  Status Write(const Producer& producer, size_t* written_bytes) override {
    uint8_t* target = bytes_.get() + at_bytes_;
    *written_bytes = producer(target, std::min(kPieceBytes, missing_bytes()));
    hash_.Update(target, *written_bytes);
    at_bytes_ += *written_bytes;
    return Status();
  }

  void End(std::function<void(Status)> done) override {
    if (hash_.Final() != keeper_->chunk_digest(index_)) return done(keeper_->WrongBytes(index_));
    keeper_->KeepLater(index_, std::move(bytes_), std::move(done));
  }

 private:
  const std::shared_ptr<ChunkKeeper> keeper_;
  const uint32_t index_;
  // Shared, because the tasks of a pool can be copied. Not zeroed: filled completely before anybody sees it.
  std::shared_ptr<uint8_t[]> bytes_;
  uint64_t at_bytes_ = 0;
  Sha256 hash_;
};

}  // namespace

std::unique_ptr<ChunkWrite> WriteIntoSegment(std::shared_ptr<ChunkKeeper> keeper, uint32_t index, std::shared_ptr<Segment> segment,
                                             std::shared_ptr<Claim> claim) {
  return std::make_unique<SegmentWrite>(std::move(keeper), index, std::move(segment), std::move(claim));
}

std::unique_ptr<ChunkWrite> WriteIntoMemory(std::shared_ptr<ChunkKeeper> keeper, uint32_t index) {
  return std::make_unique<MemoryWrite>(std::move(keeper), index);
}

}  // namespace holdfast
