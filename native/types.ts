/**
 * What the native part offers to the daemon (Store) and to client processes (StoreClient).
 *
 * Types only. native/index.ts loads the addon and wraps it; the addon converts arguments and nothing else, and the core in
 * native/src knows nothing of Node. Failures are HoldfastError with the codes named here.
 */
import type { BlobId, LocalTier, Sha256, TierState } from '../common/index.ts'

export interface StoreOptions {
  /** Unix socket that hands out read-only descriptors. Made 0660; a stale one is replaced, a live one is an error. */
  readonly socketPath: string
  /** Hard limit of bytes in segments, page-rounded: what may stand in memory at any moment, filling ones included. */
  readonly memoryLimitBytes: number
  /** Folder of the disk tier: blobs/<2 hex>/<blob id> and partial/<blob id>. */
  readonly diskPath: string
  /** Hard limit of bytes in blobs/ and partial/. 0 turns the disk tier off. */
  readonly diskLimitBytes: number
  /** Client connections at one time; the next one is refused with STORE_BUSY. */
  readonly connectionsMax: number
  /** Of one process, and of all processes of one user; the next one is refused with STORE_BUSY. None: as many as there is room for. */
  readonly connectionsPerProcessMax?: number
  readonly connectionsPerUserMax?: number
  /** A connection that has not greeted after this is ended. None: it may take for ever. */
  readonly greetingTimeoutMs?: number
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
  /**
   * Segments get large pages where the machine has them: reserved ones (vm.nr_hugepages), else those that the kernel gives to shared
   * memory. Without enough of them a segment has the usual pages. None: all have the usual ones.
   */
  readonly largePages?: boolean
  /** The first rules; nobody is served before they hold. None: see setAccess. */
  readonly accessRules?: readonly AccessRule[]
}

/** Access to models. A client's rule is the first that fits its user and the token that it has shown. */
export interface AccessRule {
  /** Owner of what is opened under this rule, whatever the client says. Empty: the tenant `public`. */
  readonly tenant: string
  /** Users by SO_PEERCRED. With tokens too, a client needs both; with neither, the rule fits nobody but `isForAnyone`. */
  readonly uids: readonly number[]
  readonly tokenDigests: readonly Sha256[]
  /** `*` stands for any characters. A pattern without a tag fits every tag; `*` alone fits digests that no name has, too. */
  readonly models: readonly string[]
  readonly mayList: boolean
  /** Namespaces of others, which no pattern opens or lists. */
  readonly hidden: readonly string[]
  /** The rule fits every client that shows no token. */
  readonly isForAnyone: boolean
}

/** What became of a segment that a client handed back: in memory now, or why not. */
export interface ReattachedBlob {
  readonly id: BlobId
  readonly sizeBytes: number
  readonly error: Error | null
}

/** A blob that a client may bring back: the client knows the file by its sha256, the id is what is checked. */
export interface WantedBlob {
  readonly id: BlobId
  readonly sha256: Sha256
  readonly cut: Cut
}

/** Sizes of a blob's chunks in file order. Bytes and cut together give the id, so whoever names a cut need not be believed. */
export type Cut = readonly number[]

/** What a blob's bytes are held against. */
export interface BlobProof {
  readonly cut: Cut
  /** Of each chunk; empty when nobody states them, and then only the id of the whole tells. */
  readonly chunks: readonly Sha256[]
}

/** Another name for a file of the disk tier. */
export interface BlobMove {
  readonly from: Sha256
  readonly to: BlobId
}

export interface BlobSpec {
  /** That of the chunk list: BAD_REQUEST otherwise. */
  readonly id: BlobId
  readonly sizeBytes: number
  /** In order, sizes sum to sizeBytes. */
  readonly chunks: readonly { readonly sha256: Sha256; readonly sizeBytes: number }[]
}

/**
 * One blob on its way in. Chunks may come in any order and from several callers at once; each is hashed on a native thread
 * and stored only when its sha256 is right. The blob's id is the digest of its chunk list, so the chunks prove the whole.
 */
export interface Fill {
  readonly id: BlobId
  /** Indices of chunks that the partial file of an earlier, interrupted fill already holds, verified again. */
  recover(): Promise<number[]>
  /** DIGEST_MISMATCH when the bytes are not that chunk; nothing is stored then. */
  putChunk(index: number, bytes: Uint8Array): Promise<void>
  /**
   * As putChunk, of bytes that lie in an open file: they go straight to their place. The descriptor stays open until this settles. Not 'copied':
   * nothing is stored. An error of the file comes as node:fs throws it, one of the store as a HoldfastError; DIGEST_MISMATCH.
   */
  putFile(index: number, fd: number, offsetBytes: number): Promise<'copied' | 'short'>
  /** Seals the segment and moves the partial file into place, both atomically. BAD_REQUEST while chunks are missing. */
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
  /** As the manifest states it. */
  readonly sha256: Sha256
  readonly sizeBytes: number
}

export interface PublishedFile extends ModelFileEntry {
  readonly id: BlobId
}

/** A model that clients may open: a list of files by blob. Opening needs all of them in memory. */
export interface CatalogEntry {
  /** Manifest digest, or the id of a derived blob. */
  readonly digest: string
  readonly files: readonly PublishedFile[]
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
  readonly id: BlobId
  readonly sizeBytes: number
  /** Whether it lies complete in the tier. */
  readonly isIn: Readonly<Record<LocalTier, boolean>>
  /** Leases that map this blob's segment now. */
  readonly leases: number
}

export interface PageUse {
  readonly segments: number
  readonly bytes: number
}

export interface StoreStats {
  readonly tiers: Readonly<Record<LocalTier, TierState>>
  /** Writes, syncs, renames and removals that the disk refused since the start, also where the work went on without it. */
  readonly diskFailures: number
  readonly segments: number
  /** Segments on large pages that were reserved. Their bytes are whole pages. */
  readonly reservedPages: PageUse
  /** Segments for which the kernel was asked for large pages; it may have given them for some of the bytes, or none. */
  readonly askedPages: PageUse
  readonly leases: number
  readonly connections: number
  /** Opens that were answered from memory without the daemon's event loop. */
  readonly openHits: number
  readonly openMisses: number
}

export interface Store {
  /** Reserves memory (and disk, when it fits) for a blob. MEMORY_FULL or TOO_LARGE with neededBytes and freeBytes. */
  beginFill(blob: BlobSpec, options: { memory: boolean; disk: boolean }): Fill
  /** Copies a local file into the disk tier as a blob with chunks of `chunkBytes` (a derived one, say); several threads hash it. */
  importFile(path: string, chunkBytes: number): Promise<{ id: BlobId; sizeBytes: number }>
  /**
   * Reads a blob of the disk tier into memory, several threads; drops its page cache. Concurrent calls share one read. With a proof these
   * threads hash what they read: DISK_FAILED for a blob that is not what it was, which the disk tier then holds no more.
   */
  promote(id: BlobId, proof?: BlobProof): Promise<void>
  /**
   * Part of a blob, from memory, else from disk, else from a fill that is under way when all chunks of the range are verified;
   * ORIGIN_NOT_FOUND never, `null` when this node does not hold it.
   */
  read(id: BlobId, offsetBytes: number, sizeBytes: number): Promise<Uint8Array | null>
  /** Frees the segment. False, and nothing happens, while a lease maps it. */
  dropMemory(id: BlobId): boolean
  dropDisk(id: BlobId): Promise<boolean>
  /** Path of a blob in the disk tier, or null. */
  diskPathOf(id: BlobId): string | null
  /**
   * Folder with the files of a model by their paths; stays while the model does, so as long as a lease does. Null unless segments are
   * exported, and while the model is not published or not complete in memory.
   */
  exportedPathOf(digest: string): string | null
  /** What a file of the disk tier is when it is cut so; null when it is not there. BAD_REQUEST for a cut of another size. */
  digestDisk(name: Sha256, cut: Cut): Promise<{ id: BlobId; sha256: Sha256 } | null>
  /** Hashes a disk blob again. The sha256 of its file; null when the blob was bad, and is removed now, or was not there. */
  verifyDisk(id: BlobId, cut: Cut): Promise<Sha256 | null>
  /**
   * Of a part of a disk blob; null when it is not there, or cannot be read and is given up. BAD_REQUEST for a range beyond its end.
   * `keepsCached`: somebody reads it next, so that it stays in the page cache.
   */
  hashOnDisk(
    id: BlobId,
    offsetBytes: number,
    sizeBytes: number,
    options?: { readonly keepsCached?: boolean },
  ): Promise<Sha256 | null>
  /** The blob is not what its id says: the disk tier does not hold it any more, even where the disk does not let its file go. */
  giveUpOnDisk(id: BlobId): Promise<void>
  /**
   * Renames blobs and partial files of the disk tier, durably, and says how many. What is not there is passed over; of two files with the
   * old and the new name the old one goes. The caller knows that both names mean the same bytes. Interrupted, it may be done again.
   */
  takeOver(moves: readonly BlobMove[]): Promise<number>

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
  reattach(requestId: number, wanted: readonly WantedBlob[]): Promise<ReattachedBlob[]>
  /** From now on. No rules: everybody who can connect may open everything. Clients that no rule fits any more are disconnected. */
  setAccess(rules: readonly AccessRule[]): void

  blobs(): BlobState[]
  blob(id: BlobId): BlobState | null
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
  /** Refused with TENANT_MISMATCH unless it is the tenant of the token; when left out, whichever tenant that is. */
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

/** What a process gave up, or could. */
export interface Confinement {
  /** The kernel filters its system calls: no network, no programs, nothing done to other processes. */
  readonly systemCalls: boolean
  /** Version of Landlock, by which files are read-only to it; 0: none. */
  readonly filesAbi: number
}
