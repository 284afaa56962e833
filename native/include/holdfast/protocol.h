// What client and store say to each other on the Unix socket. Little-endian; one frame per message.
//
// The socket is SOCK_SEQPACKET: the kernel keeps the boundaries of messages and ties descriptors to exactly one of them, so
// there is no reassembly state that a hostile client could bend and no frame that is half there.
//
//   frame   = type u8 | version u8 | 0 u16 | request u32 | body
//   hello   = "HOLDFAST" | oldest version u16 | newest version u16                  client, first
//   welcome = version u16                                                           store, the answer
//   open    = deadline ms u64 (max: none) | name str16 | tenant str16               client
//   cancel  =                                                                       client: forgets a waiting open
//   close   = lease u64                                                             client: request is 0
//   model   = lease u64 | digest str16 | files u32 | blobs u32                      store: one or more per open, until all
//             | first file u32 | count u32 | first blob u32 | count u32             files and all blobs have come; one
//             | count x (blob u32 | size u64 | sha256 32 bytes | path str16)        descriptor (SCM_RIGHTS) per blob
//   error   = code str16 | message str16                                            store: request 0 means the connection
#ifndef HOLDFAST_PROTOCOL_H_
#define HOLDFAST_PROTOCOL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/digest.h"

namespace holdfast {

inline constexpr uint8_t kProtocolVersion = 1;
// Fits into the default socket buffer (212,992 bytes) with room for another one.
inline constexpr size_t kFrameBytesMax = 64 * 1024;
// SCM_MAX_FD of the kernel.
inline constexpr size_t kFdsPerFrameMax = 253;
inline constexpr size_t kNameBytesMax = 512;
inline constexpr size_t kTenantBytesMax = 128;
inline constexpr uint64_t kNoDeadline = UINT64_MAX;

enum class FrameType : uint8_t { kHello = 1, kWelcome, kOpen, kCancel, kClose, kModel, kError };

// A message to send; the descriptors are borrowed.
struct Frame {
  std::string bytes;
  std::vector<int> fds;
};

class FrameWriter {
 public:
  FrameWriter(FrameType type, uint32_t request);
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
  uint8_t version() const { return version_; }
  uint32_t request() const { return request_; }

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
  uint8_t version_ = 0;
  uint32_t request_ = 0;
};

std::string HelloFrame(uint16_t oldest_version, uint16_t newest_version);
std::string ErrorFrame(uint32_t request, std::string_view code, std::string_view message);

}  // namespace holdfast

#endif  // HOLDFAST_PROTOCOL_H_
