// Landlock: a process keeps itself from files, TCP and the signals of others. https://docs.kernel.org/userspace-api/landlock.html
#ifndef HOLDFAST_LANDLOCK_H_
#define HOLDFAST_LANDLOCK_H_

#include <string>
#include <vector>

#include "os/status.h"

namespace holdfast {

// The version that the kernel has; 0: none, or it is switched off.
int LandlockAbi();

// Of this thread and all that it starts: files outside of `writable` are read-only, for good. From version 4 on no TCP, from 6 on no
// signals to others.
Status RestrictFiles(const std::vector<std::string>& writable, int abi);

}  // namespace holdfast

#endif  // HOLDFAST_LANDLOCK_H_
