/**
 * Every failure a user of Holdfast can meet: one table of stable codes, each with its HTTP status, its meaning and what
 * to do about it. docs/reference/errors.md and the HTTP mapping are held equal to this table by a test.
 *
 * Expected failures are HoldfastError; broken invariants are assertions (`assertInvariant`) that stay on in production.
 * Callers look at `code`, never at text.
 */

export interface ErrorRow {
  /** HTTP status that the code maps to. */
  readonly status: number
  readonly meaning: string
  readonly action: string
}

const row = (status: number, meaning: string, action: string): ErrorRow => ({ status, meaning, action })

/** Process exit code of the command line for a HoldfastError. */
export const exitCodeOfError = 1

export const errorTable = {
  // Names and requests
  BAD_MODEL_NAME: row(
    400,
    'A model name is not `namespace/name[:tag]`.',
    'Use letters, digits, `.`, `_` and `-`, as in `acme/resnet50:v3`.',
  ),
  BAD_USAGE: row(
    400,
    'A command was called with an unknown option or command, or a missing argument. The exit code is 2.',
    'See `holdfast COMMAND --help`.',
  ),
  BAD_REQUEST: row(400, 'A request body or parameter has the wrong form.', 'Correct the field that the message names.'),
  REQUEST_TOO_LARGE: row(
    413,
    'A request is larger than the limit.',
    'Send less, or raise the limit that the message names.',
  ),
  UNKNOWN_MODEL: row(
    404,
    'No reachable origin or peer knows this model or tag.',
    'Check the name with `holdfast ls`, or push the model.',
  ),
  UNKNOWN_FETCH: row(
    404,
    'No fetch has this number, or it ended too long ago.',
    'See the numbers with `holdfast fetches`; `fetches.keptMax` says how many are kept.',
  ),
  UNKNOWN_ROUTE: row(404, 'There is no such path on this server.', 'See the routes in docs/reference/http.md.'),
  NOT_RUNNABLE: row(
    422,
    'The model has no file that the runtime can execute.',
    'Serve an ONNX model, or read the weights with the client library.',
  ),
  MODEL_TOO_NEW: row(
    422,
    'The model uses a version of ONNX or of its operators that the runtime of this node does not know.',
    'Export the model for an older opset or IR version, or update Holdfast.',
  ),
  UNSUPPORTED_OPERATOR: row(
    422,
    'The model uses an operator that the runtime does not have, or not for these types.',
    'Export the model with standard ONNX operators.',
  ),
  UNSUPPORTED_TYPE: row(
    422,
    'The model has an input, an output or weights of a type that cannot be run or carried here.',
    'Ask for the other outputs, or export the model with tensors of common types.',
  ),
  INFERENCE_FAILED: row(
    422,
    'The runtime refused the inputs or failed on them.',
    'Compare the inputs with the model metadata.',
  ),
  MEMORY_EXCEEDED: row(
    422,
    'A model wanted more memory to be converted, loaded or run than one model may take.',
    'Ask for a smaller batch, or raise the limit that the message names.',
  ),
  ANSWER_TOO_LARGE: row(
    422,
    'The outputs of a model are larger than the limit.',
    'Ask for fewer outputs or a smaller batch, or raise `http.answerLimitBytes`.',
  ),
  DEADLINE_EXCEEDED: row(
    504,
    'The deadline passed before the work was done.',
    'Allow more time, or prefetch the model.',
  ),
  DEADLINE_UNREACHABLE: row(
    504,
    'Nothing was begun, because the predicted completion misses the deadline on every node.',
    'Allow more time, or send less; `holdfast predict` shows what the time is for.',
  ),
  FORWARD_REFUSED: row(
    503,
    'A holder refused a forwarded request.',
    'Nothing: the asking node fetches or asks another holder.',
  ),
  OVERLOADED: row(503, 'A queue is full.', 'Retry after the time in `Retry-After`.'),
  SHUTTING_DOWN: row(503, 'The node is stopping.', 'Send the request to another node.'),

  UNAUTHORIZED: row(
    401,
    'The token is missing or wrong, or does not allow this.',
    'Requests: send the token of the tenant as `Authorization: Bearer TOKEN`; `holdfast tenant token` makes another. Admin: pass the file with the token of this node, `--token-file` or $HOLDFAST_TOKEN_FILE. Store: show the token of a tenant or of a rule in `store.accessFile`, $HOLDFAST_STORE_TOKEN.',
  ),
  FORBIDDEN: row(
    403,
    'The token is right, but its role may not do this.',
    'Use the admin token, or the token of a tenant, as the message says; docs/reference/http.md has the role of each route.',
  ),
  TENANT_MISMATCH: row(
    403,
    'The header `holdfast-tenant` says another tenant than the token does.',
    'Leave the header out, or send the token of that tenant.',
  ),
  TOO_MANY_GUESSES: row(
    429,
    'Too many wrong tokens came from one address.',
    'Retry after the time in `Retry-After`, with a token that is valid.',
  ),
  QUOTA_REQUESTS: row(
    429,
    'A tenant has as many requests under way at this node as its quota `requestsMax` allows.',
    'Retry after the time in `Retry-After`; the admin raises the quota with `holdfast tenant add --requests-max`.',
  ),
  QUOTA_REQUEST_RATE: row(
    429,
    'A tenant sends this node more requests in a second than its quota `requestsPerSMax` allows.',
    'Retry after the time in `Retry-After`; the admin raises the quota with `holdfast tenant add --requests-per-s-max`.',
  ),
  QUOTA_QUEUED: row(
    503,
    'As many requests of a tenant wait for a worker of this node as its quota `queuedMax` allows.',
    'Retry after the time in `Retry-After`; the admin raises the quota with `holdfast tenant add --queued-max`.',
  ),
  QUOTA_PINS: row(
    429,
    'A tenant has as many pinned copies as its quota `pinsMax` allows.',
    'Unpin some with `holdfast unpin`; the admin raises the quota with `holdfast tenant add --pins-max`.',
  ),
  UNKNOWN_TENANT: row(404, 'There is no such tenant.', 'See the tenants with `holdfast tenant ls`.'),
  NAMESPACE_TAKEN: row(
    409,
    'A namespace belongs to another tenant.',
    'Choose another namespace, or take it from that tenant with `holdfast tenant add`.',
  ),
  MODEL_IN_USE: row(
    409,
    'The model is leased, runs, is being fetched, or is pinned.',
    'Close the programs that use it, or unpin it with `holdfast unpin`.',
  ),
  NODE_UNREACHABLE: row(
    503,
    'No node answers at the URL.',
    'Start `holdfast node`, or pass its address with --url or $HOLDFAST_URL.',
  ),

  // Content
  BAD_MANIFEST: row(422, 'A manifest is malformed or hostile.', 'Push the model again with this version of Holdfast.'),
  BAD_MODEL_FILE: row(
    422,
    'The header of a model file cannot be read, or a Git LFS pointer stands in its place.',
    'Check that the file is complete. A push moves it as plain bytes; the tensors of other files are not concerned.',
  ),
  BAD_REF: row(422, 'A ref record is malformed or its signature is wrong.', 'Push the tag again.'),
  DIGEST_MISMATCH: row(
    502,
    'Bytes do not have the sha256 that was announced.',
    'Nothing: the sender is dropped and the bytes are fetched elsewhere. `holdfast stat` shows the origin.',
  ),
  FILE_CHANGED: row(409, 'A file changed while it was being pushed.', 'Push again when nothing writes to it.'),
  FILE_DENIED: row(
    403,
    'The operating system does not let this user read or write a file.',
    'Check the owner and the mode of the path that the message names.',
  ),
  FILE_FAILED: row(
    500,
    'A file on this machine could not be read or written.',
    'See the message for the path and the error of the system.',
  ),
  PATH_CONFLICT: row(
    409,
    'Something else is where a pull would write: other content, a folder, a link, or a name that the file system does not take.',
    'Pull into an empty folder or remove what the message names.',
  ),
  REF_CONFLICT: row(409, 'Another push moved the tag first.', 'Push again if the tag should still move.'),

  PUSH_EXPIRED: row(
    409,
    'A push was silent for so long that gc has taken it for dead.',
    'Push again: what still lies in the origin is not sent again.',
  ),
  GC_RUNNING: row(409, 'Another gc works on the origin.', 'Wait until it is done.'),

  // Origin
  BAD_ORIGIN_URL: row(400, 'An origin URL is not understood.', 'Use `file:///directory` or `s3://bucket/prefix`.'),
  ORIGIN_NOT_FOUND: row(
    404,
    'The origin has no such object.',
    'Check the origin URL; the object may have been collected.',
  ),
  ORIGIN_UNAVAILABLE: row(503, 'The origin does not answer.', 'Check the origin; peers still serve what they hold.'),
  ORIGIN_DENIED: row(403, 'The origin refused the credentials.', 'Check the credentials and the bucket policy.'),
  NO_SOURCE: row(503, 'No peer and no origin could deliver the bytes.', 'Check `holdfast status` and the origin.'),

  // Store
  MEMORY_FULL: row(
    503,
    'The memory limit leaves no room and nothing can be evicted.',
    'Close clients that hold leases, or raise `memory.limitBytes`.',
  ),
  DISK_FULL: row(507, 'The disk limit or the disk leaves no room.', 'Free space or raise `disk.limitBytes`.'),
  DISK_FAILED: row(
    500,
    'The disk tier failed to read or write.',
    'Check the disk and the permissions of the data directory.',
  ),
  TOO_LARGE: row(
    507,
    'The model is larger than the tier it has to go into.',
    'Raise the limit that the message names.',
  ),
  NATIVE_MISSING: row(
    500,
    'The native part is not built or does not load.',
    'Run `npm rebuild holdfast` on Linux with cmake and g++ installed.',
  ),
  STORE_UNREACHABLE: row(
    503,
    'No node listens on the store socket.',
    'Start `holdfast node`, or pass its socket path.',
  ),
  STORE_PROTOCOL: row(
    400,
    'The other side of the store socket broke the protocol.',
    'Use client and node of compatible versions.',
  ),
  STORE_BUSY: row(
    503,
    'The store socket has reached one of its limits.',
    'Close unused models, or raise the limit that the message names.',
  ),
  OUT_OF_DESCRIPTORS: row(
    503,
    'The process has as many open files and segments as the system allows it.',
    'Raise its limit of open files (`LimitNOFILE=`, `ulimit -n`), or let it hold fewer models.',
  ),
  SYSTEM: row(500, 'The operating system refused a call.', 'See the message for the call and its error.'),

  // Cluster
  WRONG_CLUSTER_KEY: row(
    403,
    'A peer does not hold the cluster key of this node.',
    'Give both nodes the same cluster key.',
  ),
  IDENTITY_IN_USE: row(
    409,
    'Another box runs with the identity of this node.',
    'Give the copy of the data folder an identity of its own: `holdfast init --new-identity`.',
  ),
  PEER_UNREACHABLE: row(503, 'A peer does not answer.', 'Nothing: another source is used.'),
  PEER_BANNED: row(403, 'A node is banned here.', 'Let it in again with `holdfast unban NODE`.'),
  PEER_PROTOCOL: row(502, 'A peer broke the protocol.', 'Nothing: the peer is dropped. Check its version.'),

  // Configuration
  BAD_CONFIG: row(400, 'The configuration is not valid.', 'Correct the options that the message names.'),

  // Simulation
  BAD_TRACE: row(
    400,
    'A trace, or the list of its models, cannot be read.',
    'Correct the line that the message names, or pass the right `--format`.',
  ),
  BAD_SCENARIO: row(400, 'A scenario for the simulator is not valid.', 'Correct the field that the message names.'),
} as const satisfies Record<string, ErrorRow>

/** The stable words of docs/reference/errors.md. */
export type ErrorCode = keyof typeof errorTable

/** Plain data that travels with an error: names of files, sizes in bytes, node ids. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

/** Every failure that a caller may meet. Look at `code`, never at the text. */
export class HoldfastError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'HoldfastError'
    this.code = code
    this.details = options.details ?? {}
  }

  get status(): number {
    return errorTable[this.code].status
  }

  get action(): string {
    return errorTable[this.code].action
  }

  toJSON(): { code: ErrorCode; message: string; action: string; details: ErrorDetails } {
    return { code: this.code, message: this.message, action: this.action, details: this.details }
  }
}

/** Whether something caught is a failure with a code, and with this code where one is given. */
export function isHoldfastError(error: unknown, code?: ErrorCode): error is HoldfastError {
  return error instanceof HoldfastError && (code === undefined || error.code === code)
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorTable, text)
}

/** A broken invariant is a defect of Holdfast, not of its input: it throws in production too. */
export function assertInvariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${message}`)
}

/** An error of the operating system: this process, or all together, may open no more files. Nothing is wrong with what was opened. */
export function isOutOfDescriptors(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === 'EMFILE' || code === 'ENFILE'
}
