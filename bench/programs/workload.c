/*
 * Clients that load one model after the other, use every page of it and let it go. Prints the seconds until all are done.
 *   workload store SOCKET        models are opened in the store
 *   workload private CACHE_BYTES models are files, read into private memory; of their page cache so much is kept, the last used
 *
 * Standard input: the number of models, then a name or path a line; the number of clients, then for each a line with the number of its
 * loads and their models by index.
 *
 * The page cache is held to what the store may use, or private loading would have more memory than what it is compared with. Its private
 * copies are not counted.
 */
#include <holdfast/holdfast.h>
#include <pthread.h>
#include <sys/wait.h>

#include "bench.h"

enum { kModelsMax = 256, kLoadsMax = 4096, kClientsMax = 64 };

struct shared {
  pthread_mutex_t mutex;
  pthread_barrier_t start;
  uint64_t clock;
  uint64_t used_at[kModelsMax]; /* 0: not in the page cache */
  uint64_t size_bytes[kModelsMax];
  uint64_t cached_bytes;
};

static char models[kModelsMax][512];
static int loads[kClientsMax][kLoadsMax];
static int load_count[kClientsMax];

static void note_use(struct shared *shared, int model, uint64_t size_bytes, uint64_t cache_bytes, int model_count) {
  pthread_mutex_lock(&shared->mutex);
  if (shared->used_at[model] == 0) shared->cached_bytes += size_bytes;
  shared->size_bytes[model] = size_bytes;
  shared->used_at[model] = ++shared->clock;
  while (shared->cached_bytes > cache_bytes) {
    int oldest = -1;
    for (int i = 0; i < model_count; i++) {
      if (shared->used_at[i] != 0 && (oldest < 0 || shared->used_at[i] < shared->used_at[oldest])) oldest = i;
    }
    forget_file(models[oldest]);
    shared->used_at[oldest] = 0;
    shared->cached_bytes -= shared->size_bytes[oldest];
  }
  pthread_mutex_unlock(&shared->mutex);
}

/* What others hold may leave no room for it: a client then waits until they let go, and the wait counts. */
static holdfast_model *open_or_wait(holdfast_connection *connection, const char *name) {
  for (;;) {
    holdfast_model *model;
    if (holdfast_open(connection, name, 0, HOLDFAST_NO_DEADLINE, &model) == 0) return model;
    if (strcmp(holdfast_error_code(), "MEMORY_FULL") != 0) die_of_store(name);
    usleep(1000);
  }
}

static void run_store(const char *socket_path, int client, struct shared *shared) {
  holdfast_connection *connection = connect_store(socket_path);
  pthread_barrier_wait(&shared->start);
  for (int i = 0; i < load_count[client]; i++) {
    holdfast_model *model = open_or_wait(connection, models[loads[client][i]]);
    const void *data;
    uint64_t size_bytes;
    if (holdfast_file_data(model, 0, HOLDFAST_NO_DEADLINE, &data, &size_bytes) != 0) die_of_store("wait");
    touch(data, size_bytes);
    holdfast_close(model);
  }
  holdfast_disconnect(connection);
}

static void run_private(uint64_t cache_bytes, int model_count, int client, struct shared *shared) {
  pthread_barrier_wait(&shared->start);
  for (int i = 0; i < load_count[client]; i++) {
    uint64_t size_bytes;
    uint8_t *copy = read_private(models[loads[client][i]], &size_bytes);
    note_use(shared, loads[client][i], size_bytes, cache_bytes, model_count);
    munmap(copy, size_bytes);
  }
}

static int read_number(int max) {
  int number;
  if (scanf("%d", &number) != 1 || number < 0 || number > max) die("workload", "the input is not what it should be");
  return number;
}

int main(int argc, char **argv) {
  if (argc != 3) die("usage", "workload store SOCKET | private CACHE_BYTES");
  const int model_count = read_number(kModelsMax);
  for (int i = 0; i < model_count; i++) {
    if (scanf("%511s", models[i]) != 1) die("workload", "a model is missing");
  }
  const int client_count = read_number(kClientsMax);
  for (int client = 0; client < client_count; client++) {
    load_count[client] = read_number(kLoadsMax);
    for (int i = 0; i < load_count[client]; i++) loads[client][i] = read_number(model_count - 1);
  }
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) die("mmap", strerror(errno));
  pthread_mutexattr_t for_mutex;
  pthread_mutexattr_init(&for_mutex);
  pthread_mutexattr_setpshared(&for_mutex, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&shared->mutex, &for_mutex);
  pthread_barrierattr_t for_start;
  pthread_barrierattr_init(&for_start);
  pthread_barrierattr_setpshared(&for_start, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&shared->start, &for_start, (unsigned)client_count + 1);
  for (int client = 0; client < client_count; client++) {
    const pid_t pid = fork();
    if (pid < 0) die("fork", strerror(errno));
    if (pid > 0) continue;
    if (strcmp(argv[1], "store") == 0) {
      run_store(argv[2], client, shared);
    } else {
      run_private(strtoull(argv[2], NULL, 10), model_count, client, shared);
    }
    _exit(0);
  }
  pthread_barrier_wait(&shared->start);
  const double started_us = now_us();
  int status;
  int failed = 0;
  while (wait(&status) > 0) failed |= status;
  if (failed != 0) die("workload", "a client failed");
  printf("%.6f\n", (now_us() - started_us) / 1e6);
  return 0;
}
