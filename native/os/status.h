// The result of a call that can fail. Codes are those of the table in common/errors.ts, as text, because they travel
// over the socket and into JavaScript unchanged.
#ifndef HOLDFAST_STATUS_H_
#define HOLDFAST_STATUS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast {

namespace code {
inline constexpr std::string_view kBadConfig = "BAD_CONFIG";
inline constexpr std::string_view kBadModelFile = "BAD_MODEL_FILE";
inline constexpr std::string_view kBadModelName = "BAD_MODEL_NAME";
inline constexpr std::string_view kBadRequest = "BAD_REQUEST";
inline constexpr std::string_view kDeadlineExceeded = "DEADLINE_EXCEEDED";
inline constexpr std::string_view kDigestMismatch = "DIGEST_MISMATCH";
inline constexpr std::string_view kDiskFailed = "DISK_FAILED";
inline constexpr std::string_view kDiskFull = "DISK_FULL";
inline constexpr std::string_view kMemoryFull = "MEMORY_FULL";
inline constexpr std::string_view kNoSource = "NO_SOURCE";
inline constexpr std::string_view kOutOfDescriptors = "OUT_OF_DESCRIPTORS";
inline constexpr std::string_view kPeerProtocol = "PEER_PROTOCOL";
inline constexpr std::string_view kPeerUnreachable = "PEER_UNREACHABLE";
inline constexpr std::string_view kShuttingDown = "SHUTTING_DOWN";
inline constexpr std::string_view kStoreBusy = "STORE_BUSY";
inline constexpr std::string_view kStoreProtocol = "STORE_PROTOCOL";
inline constexpr std::string_view kStoreUnreachable = "STORE_UNREACHABLE";
inline constexpr std::string_view kSystem = "SYSTEM";
inline constexpr std::string_view kTenantMismatch = "TENANT_MISMATCH";
inline constexpr std::string_view kTooLarge = "TOO_LARGE";
inline constexpr std::string_view kUnauthorized = "UNAUTHORIZED";
inline constexpr std::string_view kUnknownModel = "UNKNOWN_MODEL";
}  // namespace code

class [[nodiscard]] Status {
 public:
  // Success.
  Status() = default;

  static Status Error(std::string_view code, std::string message);
  // An error of a system call; `what` says which call on what, `error` is its errno. Of too many open files the code is always
  // OUT_OF_DESCRIPTORS: nothing is wrong with what was to be opened.
  static Status Errno(std::string_view code, const std::string& what, int error);

  // Adds a number that travels with the error, such as neededBytes.
  Status& With(std::string name, uint64_t value);

  bool ok() const { return code_.empty(); }
  bool Is(std::string_view code) const { return code_ == code; }
  const std::string& code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::vector<std::pair<std::string, uint64_t>>& details() const { return details_; }

 private:
  std::string code_;
  std::string message_;
  std::vector<std::pair<std::string, uint64_t>> details_;
};

}  // namespace holdfast

#endif  // HOLDFAST_STATUS_H_
