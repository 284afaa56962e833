/*
 * Processes that hold a model with every page of it touched, until standard input ends. Prints their ids when all do.
 *   holders SOCKET NAME CLIENTS LEASES_EACH
 */
#include <holdfast/holdfast.h>
#include <signal.h>
#include <sys/wait.h>

#include "bench.h"

static void hold(const char *socket_path, const char *name, int leases, int ready) {
  holdfast_connection *connection = connect_store(socket_path);
  for (int i = 0; i < leases; i++) {
    holdfast_model *model = open_model(connection, name);
    const void *data;
    uint64_t size_bytes;
    if (holdfast_file_data(model, 0, HOLDFAST_NO_DEADLINE, &data, &size_bytes) != 0) die_of_store("wait");
    if (i == 0) touch(data, size_bytes);
  }
  if (write(ready, "x", 1) != 1) die("write", strerror(errno));
  for (;;) pause();
}

int main(int argc, char **argv) {
  if (argc != 5) die("usage", "holders SOCKET NAME CLIENTS LEASES_EACH");
  const int count = atoi(argv[3]);
  int ready[2];
  if (pipe(ready) != 0) die("pipe", strerror(errno));
  pid_t *clients = calloc((size_t)count, sizeof *clients);
  for (int i = 0; i < count; i++) {
    clients[i] = fork();
    if (clients[i] < 0) die("fork", strerror(errno));
    if (clients[i] == 0) hold(argv[1], argv[2], atoi(argv[4]), ready[1]);
  }
  close(ready[1]);
  char byte;
  for (int i = 0; i < count; i++) {
    if (read(ready[0], &byte, 1) != 1) die("holders", "a client ended");
  }
  for (int i = 0; i < count; i++) printf("%d%c", clients[i], i + 1 < count ? ' ' : '\n');
  fflush(stdout);
  while (read(0, &byte, 1) > 0) continue;
  for (int i = 0; i < count; i++) kill(clients[i], SIGKILL);
  while (wait(NULL) > 0) continue;
  free(clients);
  return 0;
}
