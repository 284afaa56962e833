// The few OpenSSL functions in use, declared by hand: Node's npm package ships no OpenSSL headers, and asking every user for a
// development package would break `npm install`. These signatures have been ABI-stable since OpenSSL 1.1. In the addon the
// symbols come from the node executable (or the libcrypto it is linked to); the tests link libcrypto.
#ifndef HOLDFAST_SRC_OPENSSL_EVP_H_
#define HOLDFAST_SRC_OPENSSL_EVP_H_

#include <cstddef>

extern "C" {
struct evp_md_ctx_st;
struct evp_md_st;
struct engine_st;
evp_md_ctx_st* EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(evp_md_ctx_st* context);
const evp_md_st* EVP_sha256(void);
int EVP_DigestInit_ex(evp_md_ctx_st* context, const evp_md_st* type, engine_st* engine);
int EVP_DigestUpdate(evp_md_ctx_st* context, const void* data, size_t size);
int EVP_DigestFinal_ex(evp_md_ctx_st* context, unsigned char* digest, unsigned int* size);
}

#endif  // HOLDFAST_SRC_OPENSSL_EVP_H_
