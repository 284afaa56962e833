/* What the programs of `holdfast bench store` share: a clock, ends with a reason, and reading of every page. */
#ifndef HOLDFAST_BENCH_H_
#define HOLDFAST_BENCH_H_

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static inline double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline _Noreturn void die(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

/* One byte of each page, as a program does that uses all of it. */
static inline uint64_t touch(const volatile uint8_t *bytes, uint64_t size_bytes) {
  uint64_t sum = 0;
  for (uint64_t at = 0; at < size_bytes; at += 4096) sum += bytes[at];
  return sum;
}

static inline uint64_t size_of(int fd) {
  struct stat about;
  if (fstat(fd, &about) != 0) die("fstat", strerror(errno));
  return (uint64_t)about.st_size;
}

static inline int open_file(const char *path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path, strerror(errno));
  return fd;
}

/* A private copy of a file in fresh memory, as loaders make it. Returns its bytes; unmap them. */
static inline uint8_t *read_private(const char *path, uint64_t *size_bytes) {
  const int fd = open_file(path);
  *size_bytes = size_of(fd);
  uint8_t *copy = mmap(NULL, *size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) die("mmap", strerror(errno));
  for (uint64_t at = 0; at < *size_bytes;) {
    const ssize_t count = read(fd, copy + at, *size_bytes - at);
    if (count <= 0) die(path, count < 0 ? strerror(errno) : "is shorter than it was");
    at += (uint64_t)count;
  }
  close(fd);
  return copy;
}

/* Takes the file out of the page cache. Needs no rights, unlike /proc/sys/vm/drop_caches, and leaves other programs theirs. */
static inline void forget_file(const char *path) {
  const int fd = open_file(path);
  const int failed = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  if (failed != 0) die("posix_fadvise", strerror(failed));
  close(fd);
}

#ifdef HOLDFAST_API_VERSION
static inline _Noreturn void die_of_store(const char *what) {
  fprintf(stderr, "%s: %s %s\n", what, holdfast_error_code(), holdfast_error_message());
  exit(1);
}

static inline holdfast_connection *connect_store(const char *socket_path) {
  holdfast_connection *connection;
  if (holdfast_connect(socket_path, NULL, NULL, 5000, &connection) != 0) die_of_store("connect");
  return connection;
}

static inline holdfast_model *open_model(holdfast_connection *connection, const char *name) {
  holdfast_model *model;
  if (holdfast_open(connection, name, 0, HOLDFAST_NO_DEADLINE, &model) != 0) die_of_store(name);
  return model;
}
#endif

#endif
