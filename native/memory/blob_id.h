// The identity of a blob: the sha256 of its chunk list. origin/manifest/blob-id.ts says what is hashed, and why.
#ifndef HOLDFAST_BLOB_ID_H_
#define HOLDFAST_BLOB_ID_H_

#include <cstdint>

#include "os/digest.h"
#include "os/sha256.h"

namespace holdfast {

class BlobIdHash {
 public:
  BlobIdHash();
  // The chunks in file order.
  void Add(const Digest& chunk, uint64_t size_bytes);
  // Ends this hash; the object is used up.
  Digest Final();

 private:
  Sha256 hash_;
};

}  // namespace holdfast

#endif  // HOLDFAST_BLOB_ID_H_
