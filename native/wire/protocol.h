// What client and store say to each other on the Unix socket. Little-endian; one frame per message.
//
// The socket is SOCK_SEQPACKET: the kernel keeps the boundaries of messages and ties descriptors to exactly one of them, so
// there is no reassembly state that a hostile client could bend and no frame that is half there.
//
//   frame    = type u8 | form u8 (1) | 0 u16 | request u32 | body
//   hello    = "HOLDFAST" | oldest version u16 | newest version u16                 client, first
//   welcome  = version u16                                                          store, the answer
//   auth     = token str16                                                          client; v2
//   accepted =                                                                      store: the token counts from now on; v2
//   open     = deadline ms u64 (max: none) | name str16 | tenant str16              client
//              v2: | flags u32 (1: the model may still arrive)
//   cancel   =                                                                      client: forgets a waiting open
//   close    = lease u64                                                            client: request is 0
//   model    = lease u64 | digest str16 | files u32 | blobs u32                     store: one or more per open, until all
//              | first file u32 | count u32 | first blob u32 | count u32            files and all blobs have come
//              | count x (blob u32 | size u64 | sha256 32 bytes | path str16)
//              v2: | count x (state u8: 1 arriving | 2 exported, a file of a tmpfs that has no seals)
//              one descriptor (SCM_RIGHTS) per blob, and after that of an arriving one its ready page (ready_layout.h)
//   error    = code str16 | message str16                                           store: request 0 means the connection
//   status   =                                                                      client; v2
//   counters = count u32 | count x u64 (order of StoreCounters)                     store, the answer; v2
//   reattach = as open | digest str16 | count u32 | count x (size u64                client: an open that brings sealed segments of a
//              | sha256 32 bytes); one descriptor per entry                         store that has gone; v2
//   list     = after str16                                                          client: names that it may open; v2
//   names    = count u32 | count x name str16 | next str16 (empty: that was all)     store, the answer; v2
//
// The versions: 1 hands out complete models only. 2 adds arriving ones, tokens, status, lists and reattaching.
#ifndef HOLDFAST_PROTOCOL_H_
#define HOLDFAST_PROTOCOL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "os/digest.h"

namespace holdfast {

inline constexpr uint8_t kFrameForm = 1;
inline constexpr uint16_t kOldestVersion = 1;
inline constexpr uint16_t kNewestVersion = 2;
// Fits into the default socket buffer (212,992 bytes) with room for another one.
inline constexpr size_t kFrameBytesMax = 64 * 1024;
// SCM_MAX_FD of the kernel.
inline constexpr size_t kFdsPerFrameMax = 253;
inline constexpr size_t kNameBytesMax = 512;
inline constexpr size_t kTenantBytesMax = 128;
inline constexpr size_t kTokenBytesMax = 512;
inline constexpr uint32_t kOpenArriving = 1;
inline constexpr uint64_t kNoDeadline = UINT64_MAX;

enum class FrameType : uint8_t { kHello = 1, kWelcome, kOpen, kCancel, kClose, kModel, kError, kAuth, kAccepted, kStatus, kCounters, kReattach, kList, kNames };

// Bits of a blob's state.
inline constexpr uint8_t kBlobArriving = 1;
inline constexpr uint8_t kBlobExported = 2;

// The answer to a status request. Later versions add to the end.
struct StoreCounters {
  uint64_t memory_used_bytes = 0;
  uint64_t memory_limit_bytes = 0;
  uint64_t disk_used_bytes = 0;
  uint64_t disk_limit_bytes = 0;
  uint64_t segments = 0;
  uint64_t leases = 0;
  uint64_t connections = 0;
};

// A message to send; the descriptors are borrowed.
struct Frame {
  std::string bytes;
  std::vector<int> fds;
};

class FrameWriter {
 public:
  FrameWriter(FrameType type, uint32_t request);
  FrameWriter& U8(uint8_t value);
  FrameWriter& U16(uint16_t value);
  FrameWriter& U32(uint32_t value);
  FrameWriter& U64(uint64_t value);
  FrameWriter& Raw(const void* data, size_t size_bytes);
  // Cut at 65,535 bytes.
  FrameWriter& Str(std::string_view text);
  // Overwrites four bytes written before.
  void PatchU32(size_t at, uint32_t value);
  size_t size() const { return bytes_.size(); }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads past the end give zeros and make ok() false, so that a whole body is read first and judged once.
class FrameReader {
 public:
  // ok() is false at once when the header is malformed.
  FrameReader(const uint8_t* data, size_t size_bytes);

  FrameType type() const { return type_; }
  uint32_t request() const { return request_; }

  uint8_t U8();
  uint16_t U16();
  uint32_t U32();
  uint64_t U64();
  void Raw(void* target, size_t size_bytes);
  std::string_view Str();
  bool ok() const { return ok_; }
  // Everything was well-formed and nothing is left over.
  bool AtEnd() const { return ok_ && position_ == size_bytes_; }

 private:
  bool Take(size_t size_bytes);

  const uint8_t* const data_;
  const size_t size_bytes_;
  size_t position_ = 0;
  bool ok_ = true;
  FrameType type_ = FrameType::kError;
  uint32_t request_ = 0;
};

std::string CountersFrame(uint32_t request, const StoreCounters& counters);
// Counters that the store does not know of stay zero. False when the frame is malformed.
bool ReadCounters(FrameReader* frame, StoreCounters* counters);
std::string HelloFrame(uint16_t oldest_version, uint16_t newest_version);
std::string ErrorFrame(uint32_t request, std::string_view code, std::string_view message);

}  // namespace holdfast

#endif  // HOLDFAST_PROTOCOL_H_
