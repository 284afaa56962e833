// Delays IP packets between sites: a stand-in for distance in a laboratory of network namespaces.
//
//   delay_relay DROP TUN...  < matrix
//
// Each TUN device carries what one site sends to others. The address of a host is 10.77.<site>.<host>, sites count from 1 in the
// order of the devices. Standard input holds one line per site with the one-way delay in milliseconds to every site. A packet
// goes back into the device it came from once its delay is over, and the kernel routes it on. Packets of one pair of sites keep
// their order. DROP is the share of packets that are lost on the way, chosen at random: 0.01 is one of a hundred; a later line on standard
// input changes it. Prints "ready" when it reads, ends when its standard input closes and drops what it cannot write.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPacketBytesMax = 65536;
// Sites are numbered in one byte of the address.
constexpr size_t kSitesMax = 254;

struct Packet {
  Clock::time_point due;
  std::vector<unsigned char> bytes;
};

int OpenTun(const char* name) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    perror("/dev/net/tun");
    exit(1);
  }
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    perror(name);
    exit(1);
  }
  return fd;
}

// Index of the site that an IPv4 packet goes to, or -1.
int SiteOf(const std::vector<unsigned char>& packet, size_t site_count) {
  constexpr size_t kDestinationAt = 16;
  if (packet.size() < 20 || packet[0] >> 4 != 4) return -1;
  if (packet[kDestinationAt] != 10 || packet[kDestinationAt + 1] != 77) return -1;
  const size_t site = packet[kDestinationAt + 2];
  return site >= 1 && site <= site_count ? static_cast<int>(site - 1) : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t site_count = argc < 2 ? 0 : static_cast<size_t>(argc - 2);
  double drop_share = argc < 2 ? 0 : atof(argv[1]);
  if (site_count < 1 || site_count > kSitesMax || drop_share < 0 || drop_share >= 1) {
    fprintf(stderr, "usage: delay_relay DROP TUN... < matrix of one-way delays in ms\n");
    return 2;
  }
  std::vector<Clock::duration> delays(site_count * site_count);
  for (Clock::duration& delay : delays) {
    double ms = 0;
    if (scanf("%lf", &ms) != 1 || ms < 0) {
      fprintf(stderr, "delay_relay: %zu x %zu delays are expected on standard input\n", site_count, site_count);
      return 2;
    }
    delay = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(ms));
  }
  std::vector<pollfd> polled;
  for (int i = 2; i < argc; ++i) polled.push_back({OpenTun(argv[i]), POLLIN, 0});
  polled.push_back({STDIN_FILENO, POLLIN, 0});
  // The delay of a pair is constant, so each pair's packets are due in the order of their arrival.
  std::vector<std::deque<Packet>> queues(site_count * site_count);
  printf("ready\n");
  fflush(stdout);

  // The same losses in every run, as far as the packets are the same.
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> chance(0, 1);
  std::vector<unsigned char> buffer(kPacketBytesMax);
  for (;;) {
    Clock::time_point now = Clock::now();
    Clock::time_point next = now + std::chrono::seconds(1);
    for (size_t pair = 0; pair < queues.size(); ++pair) {
      std::deque<Packet>& queue = queues[pair];
      while (!queue.empty() && queue.front().due <= now) {
        const std::vector<unsigned char>& bytes = queue.front().bytes;
        if (write(polled[pair / site_count].fd, bytes.data(), bytes.size()) < 0 && errno != EAGAIN) perror("write");
        queue.pop_front();
      }
      if (!queue.empty() && queue.front().due < next) next = queue.front().due;
    }
    const auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(next - Clock::now()).count();
    const timespec timeout{.tv_sec = 0, .tv_nsec = wait > 0 ? (wait < 999'999'999 ? wait : 999'999'999) : 0};
    if (ppoll(polled.data(), polled.size(), &timeout, nullptr) < 0 && errno != EINTR) {
      perror("ppoll");
      return 1;
    }
    if (polled.back().revents != 0) {
      char line[256];
      const ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
      if (size <= 0) return 0;
      line[size] = '\0';
      char* end = line;
      const double share = strtod(line, &end);
      if (end != line && share >= 0 && share < 1) drop_share = share;
    }
    now = Clock::now();
    for (size_t from = 0; from < site_count; ++from) {
      if ((polled[from].revents & POLLIN) == 0) continue;
      for (;;) {
        const ssize_t size = read(polled[from].fd, buffer.data(), buffer.size());
        if (size <= 0) break;
        Packet packet{now, {buffer.begin(), buffer.begin() + size}};
        const int to = SiteOf(packet.bytes, site_count);
        if (to < 0 || (drop_share > 0 && chance(random) < drop_share)) continue;
        const size_t pair = from * site_count + static_cast<size_t>(to);
        packet.due += delays[pair];
        queues[pair].push_back(std::move(packet));
      }
    }
  }
}
