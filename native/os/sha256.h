// Incremental sha256, by the OpenSSL that is inside Node (SHA extensions of the CPU included).
#ifndef HOLDFAST_SHA256_H_
#define HOLDFAST_SHA256_H_

#include <cstddef>

#include "os/digest.h"

namespace holdfast {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(const void* data, size_t size_bytes);
  // Ends this hash; the object is ready for the next one afterwards.
  Digest Final();

  static Digest Of(const void* data, size_t size_bytes);

 private:
  void* context_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SHA256_H_
