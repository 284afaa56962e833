// holdfast-launch [--batch] [--read-only] [--write FOLDER]... -- PROGRAM ARGUMENT...
//
// Starts a child process of a node with less than the node has. What has to be given up before a program has threads of its own is given
// up here: Linux keeps rights to files for each thread, and the event loop of Node makes a ring of io_uring, whose operations pass no
// filter of system calls, before any line of JavaScript could forbid it. $HOLDFAST_FILES_ABI tells the program which version of Landlock
// keeps its files read-only, and $HOLDFAST_REFUSAL why none does where the kernel has it.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "os/landlock.h"

namespace {

// The same on all processors.
constexpr unsigned kIoUringSetup = 425;
// What a kernel without rings says.
constexpr unsigned kRefuse = SECCOMP_RET_ERRNO | ENOSYS;
constexpr int kBatchNice = 5;
// The kernel ends the child before the node when memory runs out.
constexpr char kOomScore[] = "500";

struct Wishes {
  bool batch = false;
  bool read_only = false;
  std::vector<std::string> writable;
  // Of the program, in the arguments.
  int program = 0;
};

Wishes WishesOf(int argc, char** argv) {
  Wishes wishes;
  for (int at = 1; at < argc; at++) {
    const std::string_view word = argv[at];
    if (word == "--batch") wishes.batch = true;
    if (word == "--read-only") wishes.read_only = true;
    if (word == "--write" && at + 1 < argc) wishes.writable.emplace_back(argv[++at]);
    if (word != "--") continue;
    wishes.program = at + 1 < argc ? at + 1 : 0;
    break;
  }
  return wishes;
}

// A kernel without filters has none later either, and the program tells of that.
void ForbidRings() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_K | BPF_JEQ, kIoUringSetup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kRefuse),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

// Best effort: none of it guards anybody.
void BeModest(bool batch) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) {
    (void)!write(fd, kOomScore, sizeof kOomScore - 1);
    close(fd);
  }
  if (!batch) return;
  // From where the node is: an operator may have given that a priority of its own.
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + kBatchNice);
  sched_param none{};
  sched_setscheduler(0, SCHED_BATCH, &none);
}

void KeepFilesReadOnly(const std::vector<std::string>& writable) {
  const int abi = holdfast::LandlockAbi();
  if (abi == 0) return;
  const holdfast::Status status = holdfast::RestrictFiles(writable, abi);
  if (status.ok()) setenv("HOLDFAST_FILES_ABI", std::to_string(abi).c_str(), 1);
  if (!status.ok()) setenv("HOLDFAST_REFUSAL", status.message().c_str(), 1);
}

}  // namespace

int main(int argc, char** argv) {
  const Wishes wishes = WishesOf(argc, argv);
  if (wishes.program == 0) {
    std::fprintf(stderr, "usage: holdfast-launch [--batch] [--read-only] [--write FOLDER]... -- PROGRAM ARGUMENT...\n");
    return 2;
  }
  // A child that computes hears nothing from its parent: it must not outlive it.
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) return 1;
  BeModest(wishes.batch);
  ForbidRings();
  if (wishes.read_only) KeepFilesReadOnly(wishes.writable);
  execv(argv[wishes.program], argv + wishes.program);
  std::fprintf(stderr, "error: cannot start %s: %s\n", argv[wishes.program], std::strerror(errno));
  return 127;
}
