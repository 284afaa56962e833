// What bytes that lie here are: the blob id that they have with a given cut, and the sha256 of the whole.
#ifndef HOLDFAST_BLOB_CHECK_H_
#define HOLDFAST_BLOB_CHECK_H_

#include <cstdint>
#include <vector>

#include "os/digest.h"
#include "os/status.h"
#include "os/thread_pool.h"

namespace holdfast {

// The sizes of a blob's chunks in file order. Together with the bytes it gives the id, so whoever names a cut need not be believed.
using Cut = std::vector<uint64_t>;

// What a blob's bytes are held against.
struct BlobProof {
  Cut cut;
  // Of each chunk; empty when nobody states them, and then only the id of the whole tells.
  std::vector<Digest> chunks;
};

struct BlobDigests {
  Digest id;
  // Of all bytes; what a manifest states for the file.
  Digest sha256;
};

// BAD_REQUEST unless the chunks are non-empty, of at most 64 MiB, and sum to the size.
Status ValidateCut(const Cut& cut, uint64_t size_bytes);
// Of a file. Waits; SHUTTING_DOWN when the pool stops meanwhile. The cut has been validated.
Status DigestFile(int fd, const Cut& cut, const ThreadPool& pool, BlobDigests* digests);
// BAD_REQUEST unless the proof is one of a blob of that id and size.
Status ValidateProof(const BlobProof& proof, const Digest& id, uint64_t size_bytes);
// Of a part of a file. Waits, as DigestFile does.
Status DigestRange(int fd, uint64_t offset_bytes, uint64_t size_bytes, const ThreadPool& pool, Digest* sha256);
// The id alone, of memory.
Status DigestMemory(const uint8_t* data, const Cut& cut, const ThreadPool& pool, Digest* id);

}  // namespace holdfast

#endif  // HOLDFAST_BLOB_CHECK_H_
