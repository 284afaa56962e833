/*
 * A client in C: does what each line of its standard input says, and prints one line for it.
 *   client SOCKET [TENANT [TOKEN]]
 *
 *   status                       memory_used memory_limit segments leases
 *   open NAME [complete] [MS]    digest and number of files; the model replaces the one before
 *   close
 *   file PATH MS                 size and FNV-1a hash of the whole file
 *   ready PATH                   bytes that have arrived
 *   range PATH OFFSET SIZE MS    hash of a range
 *   tensors PATH MS              number of tensors
 *   tensor NAME MS               dtype, shape, offset, size and hash
 *   private PATH MS              writes into a private map; hash of it, and of the shared bytes after
 *   write PATH                   writes into the shared bytes; does not print
 *   threads NAME COUNT           opens and reads from that many threads at once; the sum of what they did
 * What fails prints `error CODE MESSAGE`.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/holdfast.h>

static holdfast_connection *connection;
static holdfast_model *model;

static uint64_t hash_of(const void *data, uint64_t size_bytes) {
  const unsigned char *bytes = data;
  uint64_t hash = 14695981039346656037u;
  for (uint64_t i = 0; i < size_bytes; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
  return hash;
}

static int say_error(void) {
  printf("error %s %s\n", holdfast_error_code(), holdfast_error_message());
  return -1;
}

static int find(const char *path, size_t *index) { return holdfast_file_find(model, path, index) == 0 ? 0 : say_error(); }

static int do_status(void) {
  holdfast_store_status status;
  if (holdfast_status(connection, 5000, &status) != 0) return say_error();
  return printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", status.memory_used_bytes, status.memory_limit_bytes,
                status.segments, status.leases);
}

static int do_open(const char *name, int complete, int64_t deadline_ms) {
  holdfast_model *opened;
  if (holdfast_open(connection, name, complete ? HOLDFAST_OPEN_COMPLETE : 0, deadline_ms, &opened) != 0) return say_error();
  holdfast_close(model);
  model = opened;
  return printf("%s %zu\n", holdfast_model_digest(model), holdfast_file_count(model));
}

static int do_file(const char *path, int64_t deadline_ms) {
  size_t index;
  const void *data;
  uint64_t size_bytes;
  if (find(path, &index) != 0) return -1;
  if (holdfast_file_data(model, index, deadline_ms, &data, &size_bytes) != 0) return say_error();
  return printf("%" PRIu64 " %016" PRIx64 "\n", size_bytes, hash_of(data, size_bytes));
}

static int do_range(const char *path, uint64_t offset_bytes, uint64_t size_bytes, int64_t deadline_ms) {
  size_t index;
  const void *data;
  if (find(path, &index) != 0) return -1;
  if (holdfast_wait_range(model, index, offset_bytes, size_bytes, deadline_ms, &data) != 0) return say_error();
  return printf("%016" PRIx64 "\n", hash_of(data, size_bytes));
}

static int do_tensor(const char *name, int64_t deadline_ms) {
  holdfast_tensor tensor;
  const void *data;
  if (holdfast_tensor_find(model, name, deadline_ms, &tensor) != 0) return say_error();
  if (holdfast_tensor_data(model, &tensor, deadline_ms, &data) != 0) return say_error();
  printf("%s [", tensor.dtype);
  for (uint32_t i = 0; i < tensor.rank; i++) printf(i == 0 ? "%" PRIu64 : ",%" PRIu64, tensor.shape[i]);
  return printf("] %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", tensor.offset_bytes, tensor.size_bytes,
                hash_of(data, tensor.size_bytes));
}

static int do_private(const char *path, int64_t deadline_ms) {
  size_t index;
  void *copy;
  const void *shared;
  uint64_t size_bytes;
  if (find(path, &index) != 0) return -1;
  if (holdfast_map_private(model, index, deadline_ms, &copy, &size_bytes) != 0) return say_error();
  ((unsigned char *)copy)[0] ^= 0xff;
  const uint64_t changed = hash_of(copy, size_bytes);
  if (holdfast_file_data(model, index, 0, &shared, &size_bytes) != 0) return say_error();
  printf("%016" PRIx64 " %016" PRIx64 "\n", changed, hash_of(shared, size_bytes));
  holdfast_unmap_private(copy, size_bytes);
  return 0;
}

static void *open_and_read(void *name) {
  uintptr_t good = 0;
  for (int i = 0; i < 50; i++) {
    holdfast_model *mine;
    const void *data;
    uint64_t size_bytes;
    if (holdfast_open(connection, name, 0, 5000, &mine) != 0) break;
    if (holdfast_file_data(mine, 0, 5000, &data, &size_bytes) == 0) good++;
    holdfast_close(mine);
  }
  return (void *)good;
}

static int do_threads(char *name, int count) {
  pthread_t threads[64];
  uintptr_t sum = 0;
  for (int i = 0; i < count && i < 64; i++) pthread_create(&threads[i], NULL, open_and_read, name);
  for (int i = 0; i < count && i < 64; i++) {
    void *good;
    pthread_join(threads[i], &good);
    sum += (uintptr_t)good;
  }
  return printf("%" PRIuPTR "\n", sum);
}

static int do_line(char *line) {
  char word[5][600] = {"", "", "", "", ""};
  const int count = sscanf(line, "%599s %599s %599s %599s %599s", word[0], word[1], word[2], word[3], word[4]);
  const char *verb = word[0];
  size_t index;
  if (strcmp(verb, "status") == 0) return do_status();
  if (strcmp(verb, "open") == 0) {
    const int complete = strcmp(word[2], "complete") == 0;
    const char *deadline = complete ? word[3] : word[2];
    return do_open(word[1], complete, *deadline != '\0' ? atoll(deadline) : HOLDFAST_NO_DEADLINE);
  }
  if (strcmp(verb, "threads") == 0) return do_threads(word[1], atoi(word[2]));
  if (model == NULL) return printf("no model\n");
  if (strcmp(verb, "close") == 0) {
    holdfast_close(model);
    model = NULL;
    return printf("closed\n");
  }
  if (strcmp(verb, "file") == 0) return do_file(word[1], atoll(word[2]));
  if (strcmp(verb, "range") == 0) return do_range(word[1], strtoull(word[2], NULL, 10), strtoull(word[3], NULL, 10), atoll(word[4]));
  if (strcmp(verb, "tensor") == 0) return do_tensor(word[1], atoll(word[2]));
  if (strcmp(verb, "private") == 0) return do_private(word[1], atoll(word[2]));
  if (strcmp(verb, "write") == 0) {
    const void *data;
    uint64_t size_bytes;
    if (find(word[1], &index) == 0 && holdfast_file_data(model, index, 0, &data, &size_bytes) == 0) *(volatile char *)data = 1;
    return 0;
  }
  if (strcmp(verb, "tensors") == 0) {
    size_t tensor_count;
    if (find(word[1], &index) != 0) return -1;
    if (holdfast_tensor_count(model, index, atoll(word[2]), &tensor_count) != 0) return say_error();
    return printf("%zu\n", tensor_count);
  }
  if (strcmp(verb, "ready") == 0) {
    uint64_t ready_bytes;
    if (find(word[1], &index) != 0) return -1;
    if (holdfast_file_ready(model, index, &ready_bytes) != 0) return say_error();
    return printf("%" PRIu64 "\n", ready_bytes);
  }
  return printf("unknown line of %d words\n", count);
}

int main(int argc, char **argv) {
  char line[4096];
  const char *path = argc > 1 ? argv[1] : NULL;
  if (holdfast_api_version() < HOLDFAST_API_VERSION) return 2;
  if (holdfast_connect(path, argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL, 5000, &connection) != 0) {
    say_error();
    return 1;
  }
  printf("connected\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    do_line(line);
    fflush(stdout);
  }
  holdfast_close(model);
  holdfast_disconnect(connection);
  return 0;
}
