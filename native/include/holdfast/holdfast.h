/*
 * Holdfast's client library: maps the models of this machine's store into the process, without copying.
 *
 *   holdfast_connection *connection;
 *   holdfast_model *model;
 *   holdfast_tensor tensor;
 *   const void *bytes;
 *   if (holdfast_connect(NULL, "team-a", NULL, 5000, &connection) != 0) die(holdfast_error_message());
 *   if (holdfast_open(connection, "acme/resnet50:v3", 0, HOLDFAST_NO_DEADLINE, &model) != 0) die(holdfast_error_message());
 *   if (holdfast_tensor_find(model, "layer.0.weight", HOLDFAST_NO_DEADLINE, &tensor) == 0 &&
 *       holdfast_tensor_data(model, &tensor, HOLDFAST_NO_DEADLINE, &bytes) == 0) use(bytes, tensor.size_bytes);
 *   holdfast_close(model);
 *   holdfast_disconnect(connection);
 *
 * Errors. A function that can fail returns 0, or -1 and then holdfast_error_code() and holdfast_error_message() say why. Codes are
 * the stable words of docs/reference/errors.md, as "DEADLINE_EXCEEDED"; a code that this library does not know may come from a later store.
 * Nothing is written through an output argument when a call fails.
 *
 * Ownership. A connection and a model belong to the caller until holdfast_disconnect and holdfast_close. A model stays readable after
 * its connection was closed or has ended. Pointers to bytes, names and shapes belong to the model and live until holdfast_close; only
 * holdfast_map_private gives memory that the caller owns. All strings are UTF-8 and end with a zero byte.
 *
 * Memory. Bytes are shared with every process of the machine and read-only: writing to them is SIGSEGV. No pointer is given to bytes
 * that have not arrived: a call that gives one waits first.
 *
 * Threads. Every function may be called from any thread, also several at once on one connection or model. Closing is the exception: no
 * other call may use what is being closed. After a fork() the child must not use what the parent opened; it connects by itself.
 *
 * Units. Sizes and offsets are bytes. Deadlines are milliseconds from the call; HOLDFAST_NO_DEADLINE waits as long as it takes, 0 does
 * not wait.
 */
#ifndef HOLDFAST_HOLDFAST_H_
#define HOLDFAST_HOLDFAST_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HOLDFAST_API __attribute__((visibility("default")))
#else
#define HOLDFAST_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Rises when a function or field is added; the SONAME rises when one goes. */
#define HOLDFAST_API_VERSION 1

/* For any `deadline_ms`: waits as long as it takes. */
#define HOLDFAST_NO_DEADLINE ((int64_t)-1)

/* A connection to the store of this machine, and an open model. Both are opaque. */
typedef struct holdfast_connection holdfast_connection;
typedef struct holdfast_model holdfast_model;

/* HOLDFAST_API_VERSION of the library that runs, which may be later than that of this header. */
HOLDFAST_API uint32_t holdfast_api_version(void);

/* Of the calling thread's last failed call; never NULL, "" before the first. Valid until the thread's next failed call. */
HOLDFAST_API const char *holdfast_error_code(void);
HOLDFAST_API const char *holdfast_error_message(void);

/*
 * Connects to the store. `socket_path` NULL: $HOLDFAST_SOCKET, else the first that exists of $XDG_RUNTIME_DIR/holdfast/store.sock,
 * /run/holdfast/store.sock and /tmp/holdfast-UID/store.sock. `token` NULL: $HOLDFAST_STORE_TOKEN, else none;
 * a store with access rules asks for one unless it knows the user. `tenant` NULL: that of the token, or "public" without one; opens under
 * another name are refused with TENANT_MISMATCH.
 * The connection comes back by itself when the store restarts; then it also hands back the memory of models that are open.
 * STORE_UNREACHABLE, STORE_BUSY, STORE_PROTOCOL, UNAUTHORIZED.
 */
HOLDFAST_API int holdfast_connect(const char *socket_path, const char *tenant, const char *token, int64_t deadline_ms,
                                  holdfast_connection **connection);
/* Ends the connection, and with it the leases of its models: they stay readable, but their memory may be counted as free. */
HOLDFAST_API void holdfast_disconnect(holdfast_connection *connection);

/* Of the store as a whole, all clients together. */
typedef struct holdfast_store_status {
  uint64_t memory_used_bytes;
  uint64_t memory_limit_bytes;
  uint64_t disk_used_bytes;
  uint64_t disk_limit_bytes;
  uint64_t segments;
  uint64_t leases;
  uint64_t connections;
} holdfast_store_status;

/* What the store as a whole holds now. Also a way to learn that it is there. */
HOLDFAST_API int holdfast_status(holdfast_connection *connection, int64_t deadline_ms, holdfast_store_status *status);

/* Opens only when every byte is there. Without it, open returns as soon as the sizes are known and memory is taken. */
#define HOLDFAST_OPEN_COMPLETE 1u

/*
 * Opens `namespace/name[:tag]` or `sha256:<digest>`; a store that does not have it fetches it. The deadline is of the open alone.
 * UNKNOWN_MODEL, UNAUTHORIZED, DEADLINE_EXCEEDED, MEMORY_FULL, STORE_BUSY, STORE_UNREACHABLE and what a fetch can fail with.
 */
HOLDFAST_API int holdfast_open(holdfast_connection *connection, const char *name, uint32_t flags, int64_t deadline_ms,
                               holdfast_model **model);
/* Unmaps and ends the lease. NULL is nothing. */
HOLDFAST_API void holdfast_close(holdfast_model *model);

/* sha256 of the model's manifest, in hex. */
HOLDFAST_API const char *holdfast_model_digest(const holdfast_model *model);

/* One file of a model. */
typedef struct holdfast_file {
  const char *path;
  /* In hex. */
  const char *sha256;
  uint64_t size_bytes;
} holdfast_file;

/* How many files the model has. */
HOLDFAST_API size_t holdfast_file_count(const holdfast_model *model);
/* BAD_REQUEST when there are not so many. */
HOLDFAST_API int holdfast_file_at(const holdfast_model *model, size_t index, holdfast_file *file);
/* The index of the file at `path`. UNKNOWN_MODEL when there is none. */
HOLDFAST_API int holdfast_file_find(const holdfast_model *model, const char *path, size_t *index);
/* Bytes that have arrived; the whole size when all have. */
HOLDFAST_API int holdfast_file_ready(const holdfast_model *model, size_t index, uint64_t *ready_bytes);

/*
 * Waits until a range of a file has arrived, and gives its address; `data` may be NULL. An empty range is ready at once.
 * BAD_REQUEST when it ends beyond the file; DEADLINE_EXCEEDED; STORE_UNREACHABLE when the store ended before the bytes came; the code
 * of the fetch when that failed.
 */
HOLDFAST_API int holdfast_wait_range(const holdfast_model *model, size_t index, uint64_t offset_bytes, uint64_t size_bytes,
                                     int64_t deadline_ms, const void **data);
/* The same for the whole file. `data` is NULL for an empty one. */
HOLDFAST_API int holdfast_file_data(const holdfast_model *model, size_t index, int64_t deadline_ms, const void **data,
                                    uint64_t *size_bytes);

/*
 * A private, writable map of a whole file, for those that change weights in place: pages are shared until they are written to; a file on
 * reserved large pages is copied at once. Owned by the caller, also after holdfast_close; ends with holdfast_unmap_private. Waits as
 * holdfast_file_data does. NULL for an empty file.
 */
HOLDFAST_API int holdfast_map_private(const holdfast_model *model, size_t index, int64_t deadline_ms, void **data,
                                      uint64_t *size_bytes);
HOLDFAST_API void holdfast_unmap_private(void *data, uint64_t size_bytes);

/* One tensor of a file. */
typedef struct holdfast_tensor {
  const char *name;
  /* As the file spells it: "F32", "BF16", "Q4_K"; "ggml-N" for a GGUF type that this library does not know. */
  const char *dtype;
  /* Slowest dimension first, in both formats. */
  const uint64_t *shape;
  uint32_t rank;
  size_t file;
  /* From the start of the file. */
  uint64_t offset_bytes;
  uint64_t size_bytes;
} holdfast_tensor;

/*
 * The tensors of a safetensors or GGUF file, by place in the file. Reads its header on first use, and waits for that part of it; the
 * header is checked: tensors lie inside the file and apart. A file of another form has none. BAD_MODEL_FILE, and as holdfast_wait_range.
 */
HOLDFAST_API int holdfast_tensor_count(const holdfast_model *model, size_t file, int64_t deadline_ms, size_t *count);
HOLDFAST_API int holdfast_tensor_at(const holdfast_model *model, size_t file, size_t index, int64_t deadline_ms,
                                    holdfast_tensor *tensor);
/*
 * The tensor of that name in the first file that has it, by order of files. A file whose header cannot be read is passed over. When there
 * is none: UNKNOWN_MODEL, or BAD_MODEL_FILE of the first file that could not be read.
 */
HOLDFAST_API int holdfast_tensor_find(const holdfast_model *model, const char *name, int64_t deadline_ms, holdfast_tensor *tensor);
/* Waits for the tensor's bytes alone, and gives their address: a view, not a copy. */
HOLDFAST_API int holdfast_tensor_data(const holdfast_model *model, const holdfast_tensor *tensor, int64_t deadline_ms,
                                      const void **data);

#ifdef __cplusplus
}
#endif

#endif /* HOLDFAST_HOLDFAST_H_ */
