// What the kernel takes for a byte: plain TCP on loopback, both ends, and the first touch of the shared memory that it goes to. A
// store takes these pages in one call, as is done here; page by page, by faults, they cost up to fourteen times as much.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "limit.h"

namespace {

// A connection of this process with itself.
void Connect(int* sender, int* receiver) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  sockaddr* const to = reinterpret_cast<sockaddr*>(&address);
  Require(bind(listener, to, size) == 0 && listen(listener, 1) == 0, "listen");
  Require(getsockname(listener, to, &size) == 0, "getsockname");
  *sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Require(connect(*sender, to, size) == 0, "connect");
  *receiver = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  Require(*receiver >= 0, "accept");
  close(listener);
}

double Send(int socket, size_t size_bytes) {
  const std::vector<char> block(kBlockBytes, 1);
  const double started = ThreadSeconds();
  for (size_t left = size_bytes; left > 0;) {
    const ssize_t count = send(socket, block.data(), std::min(left, kBlockBytes), 0);
    Require(count > 0, "send");
    left -= static_cast<size_t>(count);
  }
  return ThreadSeconds() - started;
}

double Receive(int socket, size_t size_bytes) {
  std::vector<char> block(kBlockBytes);
  const double started = ThreadSeconds();
  for (size_t left = size_bytes; left > 0;) {
    const ssize_t count = recv(socket, block.data(), kBlockBytes, 0);
    Require(count > 0, "recv");
    left -= static_cast<size_t>(count);
  }
  return ThreadSeconds() - started;
}

}  // namespace

double TcpSecondsPerByte(size_t size_bytes, size_t cores) {
  const size_t pairs = std::max<size_t>(1, cores / 2);
  std::vector<int> sockets(2 * pairs);
  for (size_t pair = 0; pair < pairs; ++pair) Connect(&sockets[2 * pair], &sockets[2 * pair + 1]);
  const double seconds = OnThreads(2 * pairs, [&](size_t thread) {
    return thread % 2 == 0 ? Send(sockets[thread], size_bytes) : Receive(sockets[thread], size_bytes);
  });
  for (const int socket : sockets) close(socket);
  return seconds / static_cast<double>(size_bytes * pairs);
}

double FirstTouchSecondsPerByte(size_t size_bytes, size_t cores) {
  const double seconds = OnThreads(cores, [&](size_t) {
    const int fd = memfd_create("holdfast-bench", MFD_CLOEXEC);
    Require(fd >= 0 && ftruncate(fd, static_cast<off_t>(size_bytes)) == 0, "memfd");
    void* const bytes = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    Require(bytes != MAP_FAILED, "mmap");
    const double started = ThreadSeconds();
    Require(madvise(bytes, size_bytes, MADV_POPULATE_WRITE) == 0, "MADV_POPULATE_WRITE");
    const double elapsed = ThreadSeconds() - started;
    munmap(bytes, size_bytes);
    close(fd);
    return elapsed;
  });
  return seconds / static_cast<double>(size_bytes * cores);
}
