// SHA-256 and AES-GCM as an engine pays for them: a sender reads memory that is in no cache, a receiver writes to such memory, and what
// it has just written is hashed while the cache holds it. The functions come from the node executable, as those of the addon do.
#include <cstring>

#include "limit.h"

extern "C" {
struct evp_md_ctx_st;
struct evp_md_st;
struct evp_cipher_ctx_st;
struct evp_cipher_st;
struct engine_st;
evp_md_ctx_st* EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(evp_md_ctx_st* context);
const evp_md_st* EVP_sha256(void);
int EVP_DigestInit_ex(evp_md_ctx_st* context, const evp_md_st* type, engine_st* engine);
int EVP_DigestUpdate(evp_md_ctx_st* context, const void* data, size_t size);
evp_cipher_ctx_st* EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(evp_cipher_ctx_st* context);
int EVP_CIPHER_CTX_ctrl(evp_cipher_ctx_st* context, int type, int size, void* data);
const evp_cipher_st* EVP_aes_128_gcm(void);
const evp_cipher_st* EVP_aes_256_gcm(void);
int EVP_CipherInit_ex(evp_cipher_ctx_st* context, const evp_cipher_st* type, engine_st* engine, const unsigned char* key,
                      const unsigned char* nonce, int is_sealing);
int EVP_CipherUpdate(evp_cipher_ctx_st* context, unsigned char* out, int* out_size, const unsigned char* in, int in_size);
int EVP_CipherFinal_ex(evp_cipher_ctx_st* context, unsigned char* out, int* out_size);
}

namespace {

constexpr int kGetTag = 0x10;
constexpr int kSetTag = 0x11;
constexpr int kTagBytes = 16;
// The header of a record, which is authenticated with it.
constexpr int kHeaderBytes = 5;

// One record of TLS 1.3: nonce, header, content, tag.
void Record(evp_cipher_ctx_st* context, const unsigned char* in, unsigned char* out, unsigned char* tag, int is_sealing) {
  static const unsigned char nonce[12] = {};
  static const unsigned char header[kHeaderBytes] = {};
  int size = 0;
  Require(EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce, is_sealing) == 1, "nonce");
  if (is_sealing == 0) Require(EVP_CIPHER_CTX_ctrl(context, kSetTag, kTagBytes, tag) == 1, "tag");
  Require(EVP_CipherUpdate(context, nullptr, &size, header, kHeaderBytes) == 1, "header");
  Require(EVP_CipherUpdate(context, out, &size, in, kRecordBytes) == 1, "record");
  Require(EVP_CipherFinal_ex(context, out + size, &size) == 1, "end of the record");
  if (is_sealing == 1) Require(EVP_CIPHER_CTX_ctrl(context, kGetTag, kTagBytes, tag) == 1, "tag");
}

evp_cipher_ctx_st* NewContext(size_t key_bytes, int is_sealing) {
  static const unsigned char key[32] = {};
  evp_cipher_ctx_st* context = EVP_CIPHER_CTX_new();
  const evp_cipher_st* cipher = key_bytes == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
  Require(context != nullptr && EVP_CipherInit_ex(context, cipher, nullptr, key, nullptr, is_sealing) == 1, "AES-GCM");
  return context;
}

}  // namespace

SealAndOpen AesGcmSecondsPerByte(size_t key_bytes, size_t size_bytes, size_t cores) {
  std::vector<SealAndOpen> of_thread(cores);
  OnThreads(cores, [&](size_t thread) {
    std::vector<unsigned char> memory(size_bytes, 1), record(kRecordBytes);
    unsigned char tag[kTagBytes];
    evp_cipher_ctx_st* const sealing = NewContext(key_bytes, 1);
    evp_cipher_ctx_st* const opening = NewContext(key_bytes, 0);
    double started = ThreadSeconds();
    for (size_t at = 0; at + kRecordBytes <= size_bytes; at += kRecordBytes)
      Record(sealing, &memory[at], record.data(), tag, 1);
    const double sealed = ThreadSeconds() - started;
    // Every record is that one now, so it opens.
    started = ThreadSeconds();
    for (size_t at = 0; at + kRecordBytes <= size_bytes; at += kRecordBytes)
      Record(opening, record.data(), &memory[at], tag, 0);
    of_thread[thread] = {sealed, ThreadSeconds() - started};
    EVP_CIPHER_CTX_free(sealing);
    EVP_CIPHER_CTX_free(opening);
    return 0.0;
  });
  SealAndOpen sum{0, 0};
  const double bytes = static_cast<double>(size_bytes * cores);
  for (const SealAndOpen& one : of_thread) sum = {sum.seal + one.seal / bytes, sum.open + one.open / bytes};
  return sum;
}

double Sha256SecondsPerByte(size_t size_bytes, size_t cores) {
  const double seconds = OnThreads(cores, [&](size_t) {
    const std::vector<unsigned char> block(kBlockBytes, 1);
    evp_md_ctx_st* const context = EVP_MD_CTX_new();
    Require(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1, "SHA-256");
    const double started = ThreadSeconds();
    for (size_t at = 0; at < size_bytes; at += kBlockBytes)
      Require(EVP_DigestUpdate(context, block.data(), kBlockBytes) == 1, "SHA-256");
    const double elapsed = ThreadSeconds() - started;
    EVP_MD_CTX_free(context);
    return elapsed;
  });
  return seconds / static_cast<double>(size_bytes * cores);
}
