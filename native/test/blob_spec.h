// A blob of given bytes: how it is cut, and the id that it has.
#ifndef HOLDFAST_TEST_BLOB_SPEC_H_
#define HOLDFAST_TEST_BLOB_SPEC_H_

#include <algorithm>
#include <vector>

#include "harness.h"
#include "memory/blob_check.h"
#include "memory/blob_id.h"
#include "memory/fill.h"

namespace holdfast::test {

// The id of the chunks of a spec.
inline Digest IdOf(const BlobSpec& spec) {
  BlobIdHash hash;
  for (const ChunkSpec& chunk : spec.chunks) hash.Add(chunk.digest, chunk.size_bytes);
  return hash.Final();
}

// One chunk when no size is given.
inline BlobSpec SpecOf(const std::vector<uint8_t>& bytes, size_t chunk_bytes = SIZE_MAX) {
  BlobSpec spec;
  spec.size_bytes = bytes.size();
  for (size_t at = 0; at < bytes.size();) {
    const size_t part = std::min(chunk_bytes, bytes.size() - at);
    spec.chunks.push_back({Sha256::Of(bytes.data() + at, part), part});
    at += part;
  }
  spec.digest = IdOf(spec);
  return spec;
}

inline Digest IdOf(const std::vector<uint8_t>& bytes) { return SpecOf(bytes).digest; }

inline Cut CutOf(const BlobSpec& spec) {
  Cut cut;
  for (const ChunkSpec& chunk : spec.chunks) cut.push_back(chunk.size_bytes);
  return cut;
}

}  // namespace holdfast::test

#endif  // HOLDFAST_TEST_BLOB_SPEC_H_
