/*
 * Until all bytes of a file can be read, every page touched. Prints the seconds.
 *   bytes store SOCKET NAME    connect, open, wait for the first file
 *   bytes read PATH            open, read() into fresh memory
 *   bytes mmap PATH            open, mmap()
 *   bytes forget PATH...       takes the files out of the page cache
 */
#include <holdfast/holdfast.h>

#include "bench.h"

static uint64_t from_store(const char *socket_path, const char *name) {
  holdfast_model *model = open_model(connect_store(socket_path), name);
  const void *data;
  uint64_t size_bytes;
  if (holdfast_file_data(model, 0, HOLDFAST_NO_DEADLINE, &data, &size_bytes) != 0) die_of_store("wait");
  return touch(data, size_bytes);
}

static uint64_t by_mmap(const char *path) {
  const int fd = open_file(path);
  const uint64_t size_bytes = size_of(fd);
  const uint8_t *data = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) die("mmap", strerror(errno));
  return touch(data, size_bytes);
}

int main(int argc, char **argv) {
  if (argc >= 3 && strcmp(argv[1], "forget") == 0) {
    for (int i = 2; i < argc; i++) forget_file(argv[i]);
    return 0;
  }
  uint64_t size_bytes;
  volatile uint64_t sum;
  const double started_us = now_us();
  if (argc == 4 && strcmp(argv[1], "store") == 0) {
    sum = from_store(argv[2], argv[3]);
  } else if (argc == 3 && strcmp(argv[1], "mmap") == 0) {
    sum = by_mmap(argv[2]);
  } else if (argc == 3 && strcmp(argv[1], "read") == 0) {
    sum = touch(read_private(argv[2], &size_bytes), 1);
  } else {
    die("usage", "bytes store SOCKET NAME | read PATH | mmap PATH | forget PATH...");
  }
  printf("%.6f\n", (now_us() - started_us) / 1e6);
  (void)sum;
  return 0;
}
