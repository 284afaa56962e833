#include "memory/blob_id.h"

#include <cstdlib>
#include <sstream>

#include "harness.h"

namespace holdfast::test {

struct Vector {
  const char* id;
  const char* chunks;
};

const Vector kVectors[] = {
#define BLOB_ID_VECTOR(id, chunks) {id, chunks},
#include "blob_id_vectors.inc"
#undef BLOB_ID_VECTOR
};

TEST(IdsAreThoseOfTheVectors) {
  for (const Vector& vector : kVectors) {
    BlobIdHash hash;
    std::istringstream chunks(vector.chunks);
    for (std::string chunk; chunks >> chunk;) {
      Digest digest;
      CHECK(Digest::FromHex(chunk.substr(0, 64), &digest));
      hash.Add(digest, std::strtoull(chunk.c_str() + 65, nullptr, 10));
    }
    CHECK(hash.Final().ToHex() == vector.id);
  }
}

}  // namespace holdfast::test
