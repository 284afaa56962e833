/**
 * What the native part offers to the daemon (Store) and to client processes (StoreClient).
 *
 * Types only. native/index.ts loads the addon and wraps it; the addon converts arguments and nothing else, and the core in
 * native/src knows nothing of Node. Failures are HoldfastError with the codes named here.
 */
import type { LocalTier, Sha256, TierState } from '../common/index.ts'

export interface StoreOptions {
  /** Unix socket that hands out read-only descriptors. Made 0660; a stale one is replaced, a live one is an error. */
  readonly socketPath: string
  /** Hard limit of bytes in segments, page-rounded: what may stand in memory at any moment, filling ones included. */
  readonly memoryLimitBytes: number
  /** Folder of the disk tier: blobs/<2 hex>/<sha256> and partial/<sha256>. */
  readonly diskPath: string
  /** Hard limit of bytes in blobs/ and partial/. 0 turns the disk tier off. */
  readonly diskLimitBytes: number
  /** Client connections at one time; the next one is refused with STORE_BUSY. */
  readonly connectionsMax: number
  /** Leases that one connection may hold. */
  readonly leasesPerConnectionMax: number
  /** Namespace of names that clients write without one. None: such names name nothing. */
  readonly defaultNamespace?: string
  /** sha256 of a token that opens everything, for the processes that the daemon starts itself. */
  readonly ownTokenDigest?: Sha256
  /**
   * Folder on a tmpfs that keeps segments as read-only files, and a tree of them per published model, for programs that open a path.
   * BAD_CONFIG when it is none, too small, writable by others or in use. None: segments are sealed memfds, which is safer.
   */
  readonly exportPath?: string
  /** The first rules; nobody is served before they hold. None: see setAccess. */
  readonly accessRules?: readonly AccessRule[]
}

/** Access to models. A client's rule is the first that fits its user and the token that it has shown. */
export interface AccessRule {
  /** Owner of what is opened under this rule, whatever the client says. Empty: what the client says. */
  readonly tenant: string
  /** Users by SO_PEERCRED. With tokens too, a client needs both; with neither, the rule fits nobody. */
  readonly uids: readonly number[]
  readonly tokenDigests: readonly Sha256[]
  /** `*` stands for any characters. A pattern without a tag fits every tag; `*` alone fits digests that no name has, too. */
  readonly models: readonly string[]
  readonly mayList: boolean
}

/** What became of a segment that a client handed back: in memory now, or why not. */
export interface ReattachedBlob {
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly error: Error | null
}

export interface BlobSpec {
  readonly sha256: Sha256
  readonly sizeBytes: number
  /** In order, sizes sum to sizeBytes. */
  readonly chunks: readonly { readonly sha256: Sha256; readonly sizeBytes: number }[]
}

/**
 * One blob on its way in. Chunks may come in any order and from several callers at once; each is hashed on a native thread
 * and stored only when its sha256 is right. `finish` also checks the sha256 of the whole blob (the hash runs along the
 * complete prefix while chunks arrive), so that a manifest cannot plant foreign bytes under a blob's name.
 */
export interface Fill {
  readonly sha256: Sha256
  /** Indices of chunks that the partial file of an earlier, interrupted fill already holds, verified again. */
  recover(): Promise<number[]>
  /** DIGEST_MISMATCH when the bytes are not that chunk; nothing is stored then. */
  putChunk(index: number, bytes: Uint8Array): Promise<void>
  /** Seals the segment and moves the partial file into place, both atomically. DIGEST_MISMATCH discards everything. */
  finish(): Promise<void>
  /**
   * Gives back memory; keeps the partial file for a later recover() when `keepPartial`. Waits for running putChunk calls. Clients that
   * have the arriving model open hear `reason`; NO_SOURCE without one.
   */
  abort(options?: {
    keepPartial?: boolean
    reason?: { readonly code: string; readonly message: string }
  }): Promise<void>
}

/** One file of a model. */
export interface ModelFileEntry {
  /** Relative to the model's folder, with "/". */
  readonly path: string
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/** A model that clients may open: a list of files by blob. Opening needs all of them in memory. */
export interface CatalogEntry {
  /** Manifest digest, or the digest of a derived model. */
  readonly digest: string
  readonly files: readonly ModelFileEntry[]
}

/** A client asks for a name that the catalog does not resolve to a model in memory. Answer it with answerOpen or refuseOpen. */
export interface OpenMiss {
  readonly requestId: number
  /** As the client wrote it: `namespace/name[:tag]`, or `sha256:<digest>`. */
  readonly name: string
  readonly tenant: string
  readonly deadlineMs: number
  readonly pid: number
  readonly uid: number
  /** Not empty: the client had this model of a store that has gone, and brings its segments (Store.reattach). */
  readonly heldDigest: string
  readonly heldBytes: number
  /** The client may open certain names only, so it has to be checked that the name means the digest that it says. */
  readonly isRestricted: boolean
}

export interface LeaseEvent {
  readonly kind: 'opened' | 'closed'
  readonly leaseId: number
  readonly digest: string
  readonly pid: number
  readonly tenant: string
}

export interface StoreEvents {
  onOpenMiss(miss: OpenMiss): void
  onLease(event: LeaseEvent): void
}

export interface BlobState {
  readonly sha256: Sha256
  readonly sizeBytes: number
  /** Whether it lies complete in the tier. */
  readonly isIn: Readonly<Record<LocalTier, boolean>>
  /** Leases that map this blob's segment now. */
  readonly leases: number
}

export interface StoreStats {
  readonly tiers: Readonly<Record<LocalTier, TierState>>
  /** Writes, syncs, renames and removals that the disk refused since the start, also where the work went on without it. */
  readonly diskFailures: number
  readonly segments: number
  readonly leases: number
  readonly connections: number
  /** Opens that were answered from memory without the daemon's event loop. */
  readonly openHits: number
  readonly openMisses: number
}

export interface Store {
  /** Reserves memory (and disk, when it fits) for a blob. MEMORY_FULL or TOO_LARGE with neededBytes and freeBytes. */
  beginFill(blob: BlobSpec, options: { memory: boolean; disk: boolean }): Fill
  /** Imports a local file as a blob (a derived one, say): hashes it and moves or copies it into the disk tier. */
  importFile(path: string): Promise<{ sha256: Sha256; sizeBytes: number }>
  /** Reads a blob of the disk tier into memory, several threads, without hashing; drops its page cache. Concurrent calls share one read. */
  promote(sha256: Sha256): Promise<void>
  /**
   * Part of a blob, from memory, else from disk, else from a fill that is under way when all chunks of the range are verified;
   * ORIGIN_NOT_FOUND never, `null` when this node does not hold it.
   */
  read(sha256: Sha256, offsetBytes: number, sizeBytes: number): Promise<Uint8Array | null>
  /** Frees the segment. False, and nothing happens, while a lease maps it. */
  dropMemory(sha256: Sha256): boolean
  dropDisk(sha256: Sha256): Promise<boolean>
  /** Path of a blob in the disk tier, or null. */
  diskPathOf(sha256: Sha256): string | null
  /**
   * Folder with the files of a model by their paths; stays while the model does, so as long as a lease does. Null unless segments are
   * exported, and while the model is not published or not complete in memory.
   */
  exportedPathOf(digest: string): string | null
  /** Hashes a disk blob again; a bad one is removed. */
  verifyDisk(sha256: Sha256): Promise<boolean>

  /** Makes a model open-able by its digest and by names; replaces what the names meant before. Running leases keep theirs. */
  publish(entry: CatalogEntry, names: readonly string[]): void
  unpublish(digest: string): void
  removeName(name: string): void
  /**
   * The model is published and in memory now: send the descriptors. UNKNOWN_MODEL, and the request goes on waiting, when that is not so;
   * to a client that can wait for ranges, what still arrives counts as in memory.
   */
  answerOpen(requestId: number, digest: string): void
  refuseOpen(requestId: number, code: string, message: string): void

  /**
   * Takes over what the client of a waiting open brought of the wanted blobs. The memory is reserved before this returns, MEMORY_FULL when
   * it is not there; each segment is hashed, and counts only when nobody can change it any more and it is that blob.
   */
  reattach(requestId: number, wanted: readonly Sha256[]): Promise<ReattachedBlob[]>
  /** From now on. No rules: everybody who can connect may open everything. Clients that no rule fits any more are disconnected. */
  setAccess(rules: readonly AccessRule[]): void

  blobs(): BlobState[]
  blob(sha256: Sha256): BlobState | null
  stats(): StoreStats
  /** Recomputes every counter from the tables; throws when one differs. */
  checkInvariants(): void
  /** Ends clients' connections (their maps stay), waits for running work, removes the socket. */
  close(): Promise<void>
}

/** A file of an open model. */
export interface OpenFile extends ModelFileEntry {
  /**
   * Read-only memory shared with every process of this machine. Writing to it kills the process (SIGSEGV). Of a file that still arrives,
   * DEADLINE_EXCEEDED until it is whole.
   */
  readonly bytes: Uint8Array
  /** The same for a part. */
  range(offsetBytes: number, sizeBytes: number): Uint8Array
}

/** What a tensor is and where it lies; nothing of its bytes is read. */
export interface TensorInfo {
  readonly name: string
  /** As the file spells it: F32, BF16, Q4_K, ... */
  readonly dtype: string
  /** Slowest dimension first. */
  readonly shape: readonly number[]
  /** From the start of its file. */
  readonly offsetBytes: number
  readonly sizeBytes: number
}

/** A view of a tensor's bytes: nothing is copied. */
export interface Tensor extends TensorInfo {
  /** Path of its file. */
  readonly path: string
  readonly bytes: Uint8Array
}

export interface WaitOptions {
  /** Gives up with DEADLINE_EXCEEDED. The default waits as long as the fetch takes. */
  readonly deadlineMs?: number
}

/** A lease on an open model. Ends with close(), with garbage collection, or with the process. */
export interface OpenModel extends Disposable {
  /** sha256 of the model's manifest, in hex. */
  readonly digest: string
  readonly files: readonly OpenFile[]
  /** UNKNOWN_MODEL when the model has no file of that path. */
  file(path: string): OpenFile
  /**
   * The tensor of that name in a safetensors or GGUF file; one whose header cannot be read is passed over. UNKNOWN_MODEL when there is
   * none, or BAD_MODEL_FILE of the first file that could not be read; DEADLINE_EXCEEDED when it has not arrived: waitTensor waits.
   */
  tensor(name: string): Tensor
  /** The same, once the tensor's own bytes have arrived. */
  waitTensor(name: string, options?: WaitOptions): Promise<Tensor>
  /** The tensors of a file, when its header has arrived. None for a file of another form. */
  tensors(path: string, options?: WaitOptions): Promise<readonly TensorInfo[]>
  /** Resolves with the range when it has arrived; rejects with the code of the fetch, or STORE_UNREACHABLE when the store ends first. */
  waitRange(path: string, offsetBytes: number, sizeBytes: number, options?: WaitOptions): Promise<Uint8Array>
  /** Ends the lease and unmaps. The caller must not touch bytes of it afterwards. */
  close(): void
}

export interface OpenOptions {
  /** Owner of the lease; `public` when left out. */
  readonly tenant?: string
  /** Gives up with DEADLINE_EXCEEDED. The default waits as long as the fetch takes. */
  readonly deadlineMs?: number
  /** Resolve as soon as sizes are known; then waitRange and waitTensor wait for what is read. Without it every byte is there. */
  readonly arriving?: boolean
}

/** What the store as a whole holds. */
export interface StoreCounters {
  readonly memoryUsedBytes: number
  readonly memoryLimitBytes: number
  readonly diskUsedBytes: number
  readonly diskLimitBytes: number
  readonly segments: number
  readonly leases: number
  readonly connections: number
}

export interface ConnectOptions {
  /** Shown to a store with access rules. Default: $HOLDFAST_STORE_TOKEN, else none. */
  readonly token?: string
}

/** A client process's connection to the store of its machine. It comes back by itself when the store restarts. */
export interface StoreClient {
  open(name: string, options?: OpenOptions): Promise<OpenModel>
  /** Every name that this client may open and that is in memory. UNAUTHORIZED unless its rule lets it list. */
  list(): Promise<string[]>
  status(): Promise<StoreCounters>
  /** Closes every model that is still open, then the connection. */
  close(): void
}

/** A range of an open file. Its descriptor stays open until the call that has it settles. */
export interface FileRange {
  readonly fd: number
  readonly offsetBytes: number
  readonly sizeBytes: number
}

/** Where to write in an open file. */
export interface FilePlace {
  readonly fd: number
  readonly offsetBytes: number
  /** From here on the file has nothing but zeros: runs of zeros are left as holes. */
  readonly zerosFromBytes: number
}

/** 'short': the file ends before the range does. 'mismatch': the bytes have another sha256. Nothing is written then. */
export type CopyResult = 'copied' | 'short' | 'mismatch'

/** sha256 of bytes that come one after the other. */
export interface RunningHash {
  /** One call at a time; the bytes stay as they are until it settles. */
  update(bytes: Uint8Array): Promise<void>
  /** Once, after the last update. */
  digest(): Sha256
}

/**
 * Work on ranges of files, each in one pass over the bytes and off the JavaScript thread; as many calls at a time as the caller likes.
 * Failures of the system come as node:fs throws them, with `code` and `errno`.
 * Suite: test/conformance/file-work.suite.ts
 */
export interface FileWork {
  /** Null when the file ends before the range does. */
  hashRange(range: FileRange): Promise<Sha256 | null>
  hashBytes(bytes: Uint8Array): Promise<Sha256>
  /** Fills `target` from the file. Null, and `target` is spoilt, when the file ends before. */
  readHashed(fd: number, offsetBytes: number, target: Uint8Array): Promise<Sha256 | null>
  /** False, and nothing is written, when the bytes have another sha256. */
  writeVerified(bytes: Uint8Array, sha256: Sha256, to: FilePlace): Promise<boolean>
  copyVerified(from: FileRange, sha256: Sha256, to: FilePlace): Promise<CopyResult>
  newHash(): RunningHash
}
