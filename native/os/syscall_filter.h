// A seccomp filter: the system calls that running a model never needs fail with EPERM.
#ifndef HOLDFAST_SYSCALL_FILTER_H_
#define HOLDFAST_SYSCALL_FILTER_H_

#include "os/status.h"

namespace holdfast {

bool SyscallFilterSupported();

// Of all threads, for good: no sockets but those of this machine, and those only with `local_sockets`; no programs; nothing done to other
// processes; none of the calls that only administrators and attackers use.
Status FilterSyscalls(bool local_sockets);

}  // namespace holdfast

#endif  // HOLDFAST_SYSCALL_FILTER_H_
