// Records have 16 KiB. System calls for each would cost more than the encryption: what is read comes ahead through one large buffer, and
// written records gather in another until it is full or flushed. These are buffers of OpenSSL's BIO layer; the read-ahead of its TLS layer
// moves all that is left in its buffer for every record. A session begins with BIO's own buffers of 4 KiB: a stranger gets no more.
#include "transfer/tls_session.h"

#include <cerrno>
#include <cstring>
#include <system_error>

#include "transfer/openssl_tls.h"

namespace holdfast {

namespace {

// A few of them fit into the second cache of a processor.
constexpr int kReadBufferBytes = 128 << 10;
constexpr int kWriteBufferBytes = 128 << 10;
constexpr char kExporterLabel[] = "EXPORTER-holdfast-bulk-1";
// The length, and the name.
constexpr unsigned char kProtocol[] = "\x0fholdfast-bulk/1";
constexpr unsigned int kProtocolBytes = sizeof kProtocol - 1;

int SelectProtocol(ssl_st*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned int in_size, void*) {
  for (unsigned int at = 0; at < in_size && in[at] < in_size - at; at += in[at] + 1u) {
    if (in[at] != kProtocol[0] || std::memcmp(in + at, kProtocol, kProtocolBytes) != 0) continue;
    *out = in + at + 1;
    *out_size = in[at];
    return openssl::kAlpnAccepted;
  }
  return openssl::kAlpnFatal;
}

bool UsePair(ssl_ctx_st* context, const std::string& certificate, const std::string& private_key) {
  bio_st* certificate_bio = BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size()));
  bio_st* key_bio = BIO_new_mem_buf(private_key.data(), static_cast<int>(private_key.size()));
  x509_st* x509 = certificate_bio == nullptr ? nullptr : PEM_read_bio_X509(certificate_bio, nullptr, nullptr, nullptr);
  evp_pkey_st* key = key_bio == nullptr ? nullptr : PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
  const bool good = x509 != nullptr && key != nullptr && SSL_CTX_use_certificate(context, x509) == 1 &&
                    SSL_CTX_use_PrivateKey(context, key) == 1;
  EVP_PKEY_free(key);
  X509_free(x509);
  BIO_free(key_bio);
  BIO_free(certificate_bio);
  return good;
}

// Over the socket, which stays open when the BIO goes.
bio_st* Buffered(int socket) {
  bio_st* lower = BIO_new_socket(socket, /*close_too=*/0);
  bio_st* buffer = BIO_new(BIO_f_buffer());
  if (lower != nullptr && buffer != nullptr) return BIO_push(buffer, lower);
  BIO_free_all(lower);
  BIO_free_all(buffer);
  return nullptr;
}

bool Configure(ssl_ctx_st* context) {
  using namespace openssl;
  SSL_CTX_set_options(context, kOptionNoTicket);
  SSL_CTX_set_alpn_select_cb(context, SelectProtocol, nullptr);
  SSL_CTX_ctrl(context, kCtrlMode, kModePartialWrite | kModeMovingWriteBuffer, nullptr);
  return SSL_CTX_ctrl(context, kCtrlSetMinVersion, kVersionTls13, nullptr) == 1 &&
         SSL_CTX_ctrl(context, kCtrlSetMaxVersion, kVersionTls13, nullptr) == 1 &&
         SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1 &&
         // Zero is success for this one function.
         SSL_CTX_set_alpn_protos(context, kProtocol, kProtocolBytes) == 0;
}

}  // namespace

Status TlsContext::Create(const std::string& certificate, const std::string& private_key, std::unique_ptr<TlsContext>* context) {
  ssl_ctx_st* created = SSL_CTX_new(TLS_method());
  if (created == nullptr) return Status::Error(code::kSystem, "OpenSSL cannot make a TLS context.");
  context->reset(new TlsContext(created));
  const bool good = Configure(created) && UsePair(created, certificate, private_key);
  ERR_clear_error();
  if (good) return Status();
  context->reset();
  return Status::Error(code::kBadConfig, "OpenSSL refuses the certificate of the bulk transport, or TLS 1.3.");
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Status TlsSession::Create(const TlsContext& context, int socket, Role role, std::unique_ptr<TlsSession>* session) {
  ssl_st* ssl = SSL_new(context.get());
  bio_st* reading = Buffered(socket);
  bio_st* writing = Buffered(socket);
  if (ssl == nullptr || reading == nullptr || writing == nullptr) {
    SSL_free(ssl);
    BIO_free_all(reading);
    BIO_free_all(writing);
    return Status::Error(code::kSystem, "No memory for a TLS session.");
  }
  SSL_set_bio(ssl, reading, writing);
  if (role == Role::kServer) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
  }
  session->reset(new TlsSession(ssl, reading, writing));
  return Status();
}

TlsSession::~TlsSession() { SSL_free(session_); }

TlsResult TlsSession::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(session_);
  if (result != 1) return Ended(result);
  const unsigned char* protocol = nullptr;
  unsigned int size_bytes = 0;
  SSL_get0_alpn_selected(session_, &protocol, &size_bytes);
  if (size_bytes == kProtocolBytes - 1 && std::memcmp(protocol, kProtocol + 1, size_bytes) == 0) return TlsResult::kDone;
  failure_ = "the other side speaks another protocol";
  return TlsResult::kFailed;
}

Status TlsSession::Export(std::array<uint8_t, kExporterBytes>* bytes) {
  ERR_clear_error();
  // An empty context, not none: the two differ in some versions of TLS, and what Node exports has the empty one.
  const unsigned char context[1] = {0};
  const int result = SSL_export_keying_material(session_, bytes->data(), bytes->size(), kExporterLabel, sizeof kExporterLabel - 1,
                                                context, 0, /*use_context=*/1);
  return result == 1 ? Status() : Status::Error(code::kSystem, "OpenSSL exports no keying material.");
}

TlsResult TlsSession::Read(uint8_t* data, size_t size_bytes, size_t* read_bytes) {
  ERR_clear_error();
  *read_bytes = 0;
  const int result = SSL_read_ex(session_, data, size_bytes, read_bytes);
  return result == 1 ? TlsResult::kDone : Ended(result);
}

TlsResult TlsSession::Write(const uint8_t* data, size_t size_bytes, size_t* written_bytes) {
  ERR_clear_error();
  *written_bytes = 0;
  const int result = SSL_write_ex(session_, data, size_bytes, written_bytes);
  return result == 1 ? TlsResult::kDone : Ended(result);
}

TlsResult TlsSession::Flush() {
  if (BIO_ctrl(writing_, openssl::kBioFlush, 0, nullptr) > 0) return TlsResult::kDone;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return TlsResult::kWantWrite;
  failure_ = std::generic_category().message(errno);
  return TlsResult::kFailed;
}

bool TlsSession::Widen() {
  // A buffer that changes its size forgets what it holds.
  if (BIO_ctrl(reading_, openssl::kBioPending, 0, nullptr) > 0 || BIO_ctrl(writing_, openssl::kBioWritePending, 0, nullptr) > 0) return false;
  // Without memory the small ones go on.
  (void)BIO_int_ctrl(reading_, openssl::kBioSetBufferSize, kReadBufferBytes, /*is_writing=*/0);
  (void)BIO_int_ctrl(writing_, openssl::kBioSetBufferSize, kWriteBufferBytes, /*is_writing=*/1);
  return true;
}

TlsResult TlsSession::Ended(int result) {
  const int error = errno;
  switch (SSL_get_error(session_, result)) {
    case openssl::kErrorWantRead:
      return TlsResult::kWantRead;
    case openssl::kErrorWantWrite:
      return TlsResult::kWantWrite;
    case openssl::kErrorZeroReturn:
      return TlsResult::kClosed;
    case openssl::kErrorSyscall:
      if (error == 0) return TlsResult::kClosed;
      failure_ = std::generic_category().message(error);
      return TlsResult::kFailed;
    default: {
      const char* reason = ERR_reason_error_string(ERR_get_error());
      failure_ = reason == nullptr ? "TLS failed" : reason;
      ERR_clear_error();
      return TlsResult::kFailed;
    }
  }
}

}  // namespace holdfast
