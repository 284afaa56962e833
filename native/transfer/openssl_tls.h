// The functions of OpenSSL's TLS in use, declared by hand for the reasons in os/openssl_evp.h; all are in OpenSSL 1.1.1 and later.
#ifndef HOLDFAST_TRANSFER_OPENSSL_TLS_H_
#define HOLDFAST_TRANSFER_OPENSSL_TLS_H_

#include <cstddef>
#include <cstdint>

extern "C" {
struct ssl_st;
struct ssl_ctx_st;
struct ssl_method_st;
struct bio_st;
struct bio_method_st;
struct x509_st;
struct evp_pkey_st;

const ssl_method_st* TLS_method(void);
ssl_ctx_st* SSL_CTX_new(const ssl_method_st* method);
void SSL_CTX_free(ssl_ctx_st* context);
long SSL_CTX_ctrl(ssl_ctx_st* context, int command, long number, void* pointer);
int SSL_CTX_set_ciphersuites(ssl_ctx_st* context, const char* names);
uint64_t SSL_CTX_set_options(ssl_ctx_st* context, uint64_t options);
int SSL_CTX_set_num_tickets(ssl_ctx_st* context, size_t count);
int SSL_CTX_set_alpn_protos(ssl_ctx_st* context, const unsigned char* protocols, unsigned int size_bytes);
void SSL_CTX_set_alpn_select_cb(ssl_ctx_st* context,
                                int (*select)(ssl_st* session, const unsigned char** out, unsigned char* out_size,
                                              const unsigned char* in, unsigned int in_size, void* argument),
                                void* argument);
int SSL_CTX_use_certificate(ssl_ctx_st* context, x509_st* certificate);
int SSL_CTX_use_PrivateKey(ssl_ctx_st* context, evp_pkey_st* key);

ssl_st* SSL_new(ssl_ctx_st* context);
void SSL_free(ssl_st* session);
void SSL_set_bio(ssl_st* session, bio_st* reading, bio_st* writing);
void SSL_set_accept_state(ssl_st* session);
void SSL_set_connect_state(ssl_st* session);
int SSL_do_handshake(ssl_st* session);
int SSL_read_ex(ssl_st* session, void* data, size_t size_bytes, size_t* read_bytes);
int SSL_write_ex(ssl_st* session, const void* data, size_t size_bytes, size_t* written_bytes);
int SSL_get_error(const ssl_st* session, int result);
void SSL_get0_alpn_selected(const ssl_st* session, const unsigned char** protocol, unsigned int* size_bytes);
int SSL_export_keying_material(ssl_st* session, unsigned char* out, size_t out_size, const char* label, size_t label_size,
                               const unsigned char* context, size_t context_size, int use_context);

bio_st* BIO_new(const bio_method_st* method);
bio_st* BIO_new_mem_buf(const void* data, int size_bytes);
bio_st* BIO_new_socket(int socket, int close_too);
const bio_method_st* BIO_f_buffer(void);
bio_st* BIO_push(bio_st* upper, bio_st* lower);
int BIO_free(bio_st* bio);
void BIO_free_all(bio_st* bio);
long BIO_ctrl(bio_st* bio, int command, long number, void* pointer);
long BIO_int_ctrl(bio_st* bio, int command, long number, int value);

x509_st* PEM_read_bio_X509(bio_st* bio, x509_st** target, int (*password)(char*, int, int, void*), void* argument);
evp_pkey_st* PEM_read_bio_PrivateKey(bio_st* bio, evp_pkey_st** target, int (*password)(char*, int, int, void*), void* argument);
void X509_free(x509_st* certificate);
void EVP_PKEY_free(evp_pkey_st* key);

unsigned long ERR_get_error(void);
void ERR_clear_error(void);
const char* ERR_reason_error_string(unsigned long error);
}

namespace holdfast::openssl {

// Numbers of the macros in ssl.h and bio.h; part of the binary interface.
inline constexpr int kCtrlMode = 33;
inline constexpr int kCtrlSetMinVersion = 123;
inline constexpr int kCtrlSetMaxVersion = 124;
inline constexpr long kVersionTls13 = 0x0304;
inline constexpr long kModePartialWrite = 1;
inline constexpr long kModeMovingWriteBuffer = 2;
inline constexpr uint64_t kOptionNoTicket = uint64_t{1} << 14;
inline constexpr int kErrorWantRead = 2;
inline constexpr int kErrorWantWrite = 3;
inline constexpr int kErrorSyscall = 5;
inline constexpr int kErrorZeroReturn = 6;
inline constexpr int kAlpnAccepted = 0;
inline constexpr int kAlpnFatal = 2;
inline constexpr int kBioPending = 10;
inline constexpr int kBioFlush = 11;
inline constexpr int kBioWritePending = 13;
inline constexpr int kBioSetBufferSize = 117;

}  // namespace holdfast::openssl

#endif  // HOLDFAST_TRANSFER_OPENSSL_TLS_H_
