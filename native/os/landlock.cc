#include "os/landlock.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "os/unique_fd.h"

namespace holdfast {

namespace {

// By number, as the headers of the machine that builds may be older than the kernel that runs. The same on all processors.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr unsigned kCreateVersion = 1;
constexpr int kRulePathBeneath = 1;

// Rights of files that change something: write (bit 1), remove and make (4 to 12).
constexpr uint64_t kChanges = 0x1ff2;
constexpr uint64_t kRefer = 1u << 13;
constexpr uint64_t kTruncate = 1u << 14;
constexpr uint64_t kBindAndConnectTcp = 3;
// Abstract sockets and signals of processes outside.
constexpr uint64_t kScopes = 3;

struct RulesetAttributes {
  uint64_t files;
  uint64_t network;
  uint64_t scopes;
};

struct __attribute__((packed)) PathRule {
  uint64_t allowed;
  int32_t folder;
};

uint64_t RightsOf(int abi) { return kChanges | (abi >= 2 ? kRefer : 0) | (abi >= 3 ? kTruncate : 0); }

}  // namespace

int LandlockAbi() {
  const long version = syscall(kCreateRuleset, nullptr, 0, kCreateVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

Status RestrictFiles(const std::vector<std::string>& writable, int abi) {
  const RulesetAttributes attributes{RightsOf(abi), abi >= 4 ? kBindAndConnectTcp : 0, abi >= 6 ? kScopes : 0};
  const size_t size = abi >= 6 ? sizeof attributes : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
  const UniqueFd ruleset(static_cast<int>(syscall(kCreateRuleset, &attributes, size, 0)));
  if (!ruleset.valid()) return Status::Errno(code::kSystem, "Cannot make a ruleset of Landlock", errno);
  for (const std::string& path : writable) {
    const UniqueFd folder(open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!folder.valid()) return Status::Errno(code::kSystem, "Cannot open a folder that may be written", errno);
    const PathRule rule{RightsOf(abi), folder.get()};
    if (syscall(kAddRule, ruleset.get(), kRulePathBeneath, &rule, 0) != 0)
      return Status::Errno(code::kSystem, "Cannot add a rule of Landlock", errno);
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(kRestrictSelf, ruleset.get(), 0) != 0)
    return Status::Errno(code::kSystem, "Cannot give up files", errno);
  return Status();
}

}  // namespace holdfast
