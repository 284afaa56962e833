/*
 * The least that any store can do: a process sends the descriptor of a memfd over a Unix socket for each byte that it is sent; the other
 * maps it and reads a byte. No names, leases, deadlines, threads. Prints the microseconds of each.
 *   bare SIZE_BYTES COUNT
 */
#include "bench.h"

#include <sys/socket.h>
#include <sys/wait.h>

static void serve(int socket, int fd) {
  char request;
  while (read(socket, &request, 1) == 1) {
    char space[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&request, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(control), &fd, sizeof fd);
    if (sendmsg(socket, &message, 0) != 1) die("sendmsg", strerror(errno));
  }
}

static int ask(int socket) {
  char byte = 0;
  int fd = -1;
  char space[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  if (write(socket, &byte, 1) != 1 || recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) die("recvmsg", strerror(errno));
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 3) die("usage", "bare SIZE_BYTES COUNT");
  const uint64_t size_bytes = strtoull(argv[1], NULL, 10);
  const int count = atoi(argv[2]);
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) die("socketpair", strerror(errno));
  /* Only its first page is read: the rest need not be there. */
  const int fd = memfd_create("bare", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, (off_t)size_bytes) != 0 || pwrite(fd, "x", 1, 0) != 1) die("memfd", strerror(errno));
  const pid_t server = fork();
  if (server < 0) die("fork", strerror(errno));
  if (server == 0) {
    close(sockets[0]);
    serve(sockets[1], fd);
    return 0;
  }
  close(sockets[1]);
  for (int i = -1; i < count; i++) {
    const double started_us = now_us();
    const int received = ask(sockets[0]);
    const uint8_t *data = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED, received, 0);
    if (data == MAP_FAILED) die("mmap", strerror(errno));
    (void)*(const volatile uint8_t *)data;
    const double taken_us = now_us() - started_us;
    if (i >= 0) printf("%.2f\n", taken_us);
    munmap((void *)data, size_bytes);
    close(received);
  }
  close(sockets[0]);
  waitpid(server, NULL, 0);
  return 0;
}
