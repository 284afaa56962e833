// Invariant: context_ is always initialised for a new or running hash. OpenSSL fails here only when memory is exhausted or
// sha256 was configured away; neither can be survived, so it ends the process with a message instead of giving wrong digests.
#include "os/sha256.h"

#include <cstdio>
#include <cstdlib>

#include "os/openssl_evp.h"

namespace holdfast {

namespace {

void Require(bool good) {
  if (good) return;
  std::fputs("holdfast: OpenSSL cannot compute sha256\n", stderr);
  std::abort();
}

evp_md_ctx_st* ContextOf(void* context) { return static_cast<evp_md_ctx_st*>(context); }

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  Require(context_ != nullptr && EVP_DigestInit_ex(ContextOf(context_), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(ContextOf(context_)); }

void Sha256::Update(const void* data, size_t size_bytes) {
  Require(EVP_DigestUpdate(ContextOf(context_), data, size_bytes) == 1);
}

Digest Sha256::Final() {
  Digest digest;
  unsigned int size = 0;
  Require(EVP_DigestFinal_ex(ContextOf(context_), digest.bytes.data(), &size) == 1 && size == digest.bytes.size());
  Require(EVP_DigestInit_ex(ContextOf(context_), EVP_sha256(), nullptr) == 1);
  return digest;
}

Digest Sha256::Of(const void* data, size_t size_bytes) {
  Sha256 hash;
  hash.Update(data, size_bytes);
  return hash.Final();
}

}  // namespace holdfast
