#include "memory/blob_check.h"

#include <algorithm>
#include <string>

#include "disk/disk_tier.h"
#include "memory/blob_id.h"
#include "os/sha256.h"

namespace holdfast {

namespace {

// A closing store waits for this much hashing.
constexpr uint64_t kPieceBytes = 4 << 20;
// Manifests use 8 MiB at most; this leaves room for later ones.
constexpr uint64_t kChunkBytesMax = 64 << 20;

Status Closing() { return Status::Error(code::kShuttingDown, "The store is closing."); }

}  // namespace

Status ValidateCut(const Cut& cut, uint64_t size_bytes) {
  // off_t is signed.
  constexpr uint64_t kSizeBytesMax = INT64_MAX;
  uint64_t sum_bytes = 0;
  for (const uint64_t chunk_bytes : cut) {
    if (chunk_bytes == 0 || chunk_bytes > kChunkBytesMax || chunk_bytes > kSizeBytesMax - sum_bytes) {
      return Status::Error(code::kBadRequest, "A chunk is empty, larger than 64 MiB, or the blob larger than any file.");
    }
    sum_bytes += chunk_bytes;
  }
  if (sum_bytes == size_bytes) return Status();
  return Status::Error(code::kBadRequest,
                       "The chunks sum to " + std::to_string(sum_bytes) + " bytes, the blob has " + std::to_string(size_bytes) + ".");
}

Status ValidateProof(const BlobProof& proof, const Digest& id, uint64_t size_bytes) {
  Status status = ValidateCut(proof.cut, size_bytes);
  if (!status.ok() || proof.chunks.empty()) return status;
  BlobIdHash hash;
  for (size_t i = 0; i < proof.cut.size() && i < proof.chunks.size(); i++) hash.Add(proof.chunks[i], proof.cut[i]);
  if (proof.chunks.size() == proof.cut.size() && hash.Final() == id) return Status();
  return Status::Error(code::kBadRequest, "The chunks are not those of blob " + id.ToHex() + ".");
}

Status DigestFile(int fd, const Cut& cut, const ThreadPool& pool, BlobDigests* digests) {
  Sha256 whole, chunk;
  BlobIdHash id;
  std::vector<uint8_t> piece;
  uint64_t offset_bytes = 0;
  for (const uint64_t chunk_bytes : cut) {
    const uint64_t end_bytes = offset_bytes + chunk_bytes;
    while (offset_bytes < end_bytes) {
      if (pool.stopping()) return Closing();
      piece.resize(std::min(kPieceBytes, end_bytes - offset_bytes));
      Status status = ReadFully(fd, offset_bytes, piece.data(), piece.size());
      if (!status.ok()) return status;
      whole.Update(piece.data(), piece.size());
      chunk.Update(piece.data(), piece.size());
      offset_bytes += piece.size();
    }
    id.Add(chunk.Final(), chunk_bytes);
  }
  *digests = {id.Final(), whole.Final()};
  return Status();
}

Status DigestRange(int fd, uint64_t offset_bytes, uint64_t size_bytes, const ThreadPool& pool, Digest* sha256) {
  Sha256 hash;
  std::vector<uint8_t> piece;
  const uint64_t end_bytes = offset_bytes + size_bytes;
  while (offset_bytes < end_bytes) {
    if (pool.stopping()) return Closing();
    piece.resize(std::min(kPieceBytes, end_bytes - offset_bytes));
    Status status = ReadFully(fd, offset_bytes, piece.data(), piece.size());
    if (!status.ok()) return status;
    hash.Update(piece.data(), piece.size());
    offset_bytes += piece.size();
  }
  *sha256 = hash.Final();
  return Status();
}

Status DigestMemory(const uint8_t* data, const Cut& cut, const ThreadPool& pool, Digest* id) {
  BlobIdHash hash;
  for (const uint64_t chunk_bytes : cut) {
    if (pool.stopping()) return Closing();
    hash.Add(Sha256::Of(data, chunk_bytes), chunk_bytes);
    data += chunk_bytes;
  }
  *id = hash.Final();
  return Status();
}

}  // namespace holdfast
