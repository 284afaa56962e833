// What this kernel can take from the child processes of a node, and the bound of their memory.
#ifndef HOLDFAST_CONFINE_H_
#define HOLDFAST_CONFINE_H_

#include <cstdint>

#include "os/status.h"

namespace holdfast {

struct Confinement {
  // System calls are filtered by seccomp: no network, no programs, no other processes.
  bool system_calls = false;
  // Version of Landlock, which keeps files read-only; 0: the kernel has none.
  int files_abi = 0;
};

Confinement KernelConfinement();

// Private writable memory that this process may have beyond what it has, in bytes; shared mappings do not count. 0 ends the limit.
Status LimitPrivateMemory(uint64_t more_bytes);

}  // namespace holdfast

#endif  // HOLDFAST_CONFINE_H_
