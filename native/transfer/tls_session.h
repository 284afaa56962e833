// TLS 1.3 over a socket that does not block, as both ends of a bulk connection use it: AES-GCM (the fastest by far on processors with
// instructions for it), no tickets, no resumption. The certificates prove nothing: the proofs inside the connection do.
#ifndef HOLDFAST_TRANSFER_TLS_SESSION_H_
#define HOLDFAST_TRANSFER_TLS_SESSION_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "os/status.h"

struct ssl_st;
struct ssl_ctx_st;
struct bio_st;

namespace holdfast {

// Of one engine; shared by its threads.
class TlsContext {
 public:
  // PEM. BAD_CONFIG when they cannot be read.
  static Status Create(const std::string& certificate, const std::string& private_key, std::unique_ptr<TlsContext>* context);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* const context_;
};

enum class TlsResult { kDone, kWantRead, kWantWrite, kClosed, kFailed };

inline constexpr size_t kExporterBytes = 32;

// Used by one thread at a time.
class TlsSession {
 public:
  enum class Role { kClient, kServer };

  // `socket` stays the caller's, and outlives the session.
  static Status Create(const TlsContext& context, int socket, Role role, std::unique_ptr<TlsSession>* session);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  TlsResult Handshake();
  // After the handshake: the bytes that only the two ends of this connection know (RFC 5705).
  Status Export(std::array<uint8_t, kExporterBytes>* bytes);
  TlsResult Read(uint8_t* data, size_t size_bytes, size_t* read_bytes);
  // What was written may wait for Flush. After kWantWrite the same bytes have to be written again, or more that begin with them.
  TlsResult Write(const uint8_t* data, size_t size_bytes, size_t* written_bytes);
  TlsResult Flush();
  // From now on as fast as it goes, for buffers of a quarter of a megabyte. False while the small ones are in use.
  bool Widen();
  // Of the last kFailed.
  const std::string& failure() const { return failure_; }

 private:
  TlsSession(ssl_st* session, bio_st* reading, bio_st* writing) : session_(session), reading_(reading), writing_(writing) {}
  TlsResult Ended(int result);

  ssl_st* const session_;
  // Belong to session_.
  bio_st* const reading_;
  bio_st* const writing_;
  std::string failure_;
};

}  // namespace holdfast

#endif  // HOLDFAST_TRANSFER_TLS_SESSION_H_
