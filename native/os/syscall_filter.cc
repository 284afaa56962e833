#include "os/syscall_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast {

namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

// Calls of the other numbering of x86-64.
constexpr uint32_t kX32Bit = 0x40000000;

// Whose headers are older than the kernel: by number, the same on all processors.
constexpr uint32_t kPidfdSendSignal = 424, kIoUringSetup = 425, kIoUringEnter = 426, kIoUringRegister = 427, kOpenTree = 428,
                   kMoveMount = 429, kFsopen = 430, kFsconfig = 431, kFsmount = 432, kFspick = 433, kPidfdGetfd = 438,
                   kMountSetattr = 442;

constexpr uint32_t kForbidden[] = {
    // Programs, and what is done to other processes.
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_tkill, SYS_kcmp, kPidfdGetfd,
    kPidfdSendSignal,
    // Sockets by another way.
    kIoUringSetup, kIoUringEnter, kIoUringRegister,
    // Namespaces and mounts.
    SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, kOpenTree, kMoveMount, kFsopen, kFsconfig, kFsmount,
    kFspick, kMountSetattr,
    // The kernel itself.
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_settimeofday,
    SYS_clock_settime, SYS_sethostname, SYS_setdomainname};

// Calls that signal: their first argument has to be this process.
constexpr uint32_t kSignalling[] = {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo};

constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;

class Program {
 public:
  void Load(size_t offset) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset))); }
  void Return(uint32_t action) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, action)); }
  // Ends with the action when what was loaded compares so.
  void ReturnIf(uint16_t comparison, uint32_t value, uint32_t action) {
    code_.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | BPF_K | comparison), value, 0, 1));
    Return(action);
  }
  void ReturnUnlessEqual(uint32_t value, uint32_t action) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_K | BPF_JEQ, value, 1, 0));
    Return(action);
  }
  // Of one system call: only with this first argument.
  void AllowOnlyWith(uint32_t call, uint32_t first_argument) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_K | BPF_JEQ, call, 0, 4));
    Load(offsetof(seccomp_data, args));
    ReturnUnlessEqual(first_argument, kRefuse);
    Return(SECCOMP_RET_ALLOW);
  }
  std::vector<sock_filter>& code() { return code_; }

 private:
  std::vector<sock_filter> code_;
};

Program FilterOf(bool local_sockets) {
  Program program;
  program.Load(offsetof(seccomp_data, arch));
  program.ReturnUnlessEqual(kArchitecture, kRefuse);
  program.Load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  program.ReturnIf(BPF_JGE, kX32Bit, kRefuse);
#endif
  for (const uint32_t call : kForbidden) program.ReturnIf(BPF_JEQ, call, kRefuse);
  for (const uint32_t call : kSignalling) program.AllowOnlyWith(call, static_cast<uint32_t>(getpid()));
  if (!local_sockets) program.ReturnIf(BPF_JEQ, SYS_socket, kRefuse);
  program.AllowOnlyWith(SYS_socket, AF_UNIX);
  program.AllowOnlyWith(SYS_socketpair, AF_UNIX);
  program.Return(SECCOMP_RET_ALLOW);
  return program;
}

}  // namespace

bool SyscallFilterSupported() {
  const uint32_t action = SECCOMP_RET_ERRNO;
  return kArchitecture != 0 && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

Status FilterSyscalls(bool local_sockets) {
  Program program = FilterOf(local_sockets);
  const sock_fprog filter{static_cast<unsigned short>(program.code().size()), program.code().data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return Status::Errno(code::kSystem, "Cannot give up new privileges", errno);
  const long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (result == 0) return Status();
  // A positive number is a thread that has a filter of its own.
  return Status::Errno(code::kSystem, "Cannot filter system calls", result > 0 ? EBUSY : errno);
}

}  // namespace holdfast
