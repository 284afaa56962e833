#include "os/confine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "os/landlock.h"
#include "os/syscall_filter.h"

namespace holdfast {

Confinement KernelConfinement() { return {SyscallFilterSupported(), LandlockAbi()}; }

Status LimitPrivateMemory(uint64_t more_bytes) {
  rlimit limit{};
  if (getrlimit(RLIMIT_DATA, &limit) != 0) return Status::Errno(code::kSystem, "Cannot read RLIMIT_DATA", errno);
  limit.rlim_cur = limit.rlim_max;
  if (more_bytes > 0) {
    FILE* statm = fopen("/proc/self/statm", "re");
    unsigned long long data_pages = 0;
    const int found = statm == nullptr ? 0 : fscanf(statm, "%*u %*u %*u %*u %*u %llu", &data_pages);
    if (statm != nullptr) fclose(statm);
    if (found != 1) return Status::Error(code::kSystem, "Cannot read /proc/self/statm.");
    const rlim_t wanted = data_pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + more_bytes;
    limit.rlim_cur = std::min(limit.rlim_max, wanted);
  }
  if (setrlimit(RLIMIT_DATA, &limit) == 0) return Status();
  return Status::Errno(code::kSystem, "Cannot set RLIMIT_DATA", errno);
}

}  // namespace holdfast
