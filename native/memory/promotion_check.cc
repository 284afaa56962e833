// Invariant: missing_[c] is the number of slices that have bytes of chunk c and were not told of. Only the thread that takes it to zero
// reads the chunk, and writes its place in found_.
#include "memory/promotion_check.h"

#include <algorithm>
#include <string>
#include <utility>

#include "memory/blob_id.h"
#include "os/sha256.h"

namespace holdfast {

PromotionCheck::PromotionCheck(const Digest& id, uint64_t size_bytes, uint64_t slice_bytes, std::unique_ptr<const BlobProof> proof)
    : id_(id), size_bytes_(size_bytes), slice_bytes_(slice_bytes), proof_(std::move(proof)) {
  if (proof_ == nullptr) {
    for (uint64_t at = 0; at < size_bytes; at += slice_bytes) ends_.push_back(std::min(at + slice_bytes, size_bytes));
    return;
  }
  uint64_t end_bytes = 0;
  ends_.reserve(proof_->cut.size());
  for (const uint64_t chunk_bytes : proof_->cut) ends_.push_back(end_bytes += chunk_bytes);
  missing_ = std::make_unique<std::atomic<uint32_t>[]>(ends_.size());
  for (size_t chunk = 0; chunk < ends_.size(); chunk++) {
    missing_[chunk] = static_cast<uint32_t>((ends_[chunk] - 1) / slice_bytes - BeginOf(chunk) / slice_bytes + 1);
  }
  if (proof_->chunks.empty()) found_.resize(ends_.size());
}

Status PromotionCheck::OnSlice(uint64_t slice, const uint8_t* data, ReadyBitmap* ready) {
  if (proof_ == nullptr) {
    ready->MarkReady(static_cast<uint32_t>(slice));
    return Status();
  }
  const uint64_t begin_bytes = slice * slice_bytes_;
  const uint64_t end_bytes = std::min(begin_bytes + slice_bytes_, size_bytes_);
  const auto first = std::upper_bound(ends_.begin(), ends_.end(), begin_bytes);
  for (auto chunk = static_cast<size_t>(first - ends_.begin()); chunk < ends_.size() && BeginOf(chunk) < end_bytes; chunk++) {
    if (missing_[chunk].fetch_sub(1, std::memory_order_acq_rel) > 1) continue;
    Status status = CheckChunk(chunk, data, ready);
    if (!status.ok()) return status;
  }
  return Status();
}

Status PromotionCheck::CheckChunk(size_t chunk, const uint8_t* data, ReadyBitmap* ready) {
  const uint64_t begin_bytes = BeginOf(chunk);
  const Digest digest = Sha256::Of(data + begin_bytes, ends_[chunk] - begin_bytes);
  if (!found_.empty()) {
    // Right or wrong shows at the end; clients that wait get it then.
    found_[chunk] = digest;
    return Status();
  }
  if (digest != proof_->chunks[chunk]) return Damaged();
  ready->MarkReady(static_cast<uint32_t>(chunk));
  return Status();
}

Status PromotionCheck::OnEnd() const {
  if (found_.empty()) return Status();
  BlobIdHash hash;
  for (size_t chunk = 0; chunk < found_.size(); chunk++) hash.Add(found_[chunk], proof_->cut[chunk]);
  return hash.Final() == id_ ? Status() : Damaged();
}

Status PromotionCheck::Damaged() const {
  return Status::Error(code::kDiskFailed, "Blob " + id_.ToHex() + " has other bytes on disk than it had; it is made or fetched anew.");
}

}  // namespace holdfast
