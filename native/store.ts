/**
 * The daemon's Store and Fill over the addon: defaults, HoldfastErrors, nothing else.
 */
import { byTier, type Sha256 } from '../common/index.ts'
import { loadAddon, type RawBlobState, type RawFill, type RawStore, wrapAsync, wrapSync } from './addon.ts'
import type {
  AccessRule,
  AdoptedBlob,
  BlobSpec,
  BlobState,
  CatalogEntry,
  Fill,
  Store,
  StoreEvents,
  StoreOptions,
  StoreStats,
} from './types.ts'

/**
 * Opens the store: takes the disk folder, indexes it, listens on the socket. BAD_CONFIG when another process listens there,
 * DISK_FAILED when another store holds the folder, NATIVE_MISSING.
 *
 * An idle store does not keep the process alive; pending operations do.
 */
export function createStore(options: StoreOptions, events: StoreEvents): Store {
  const addon = loadAddon()
  return wrapSync(
    () =>
      new NativeStore(
        new addon.Store(
          options,
          (miss) => events.onOpenMiss(miss),
          (event) => events.onLease(event),
        ),
      ),
  )
}

class NativeStore implements Store {
  private readonly raw: RawStore

  constructor(raw: RawStore) {
    this.raw = raw
  }

  beginFill(blob: BlobSpec, options: { memory: boolean; disk: boolean }): Fill {
    return new NativeFill(
      blob.sha256,
      wrapSync(() => this.raw.beginFill(blob, options.memory, options.disk)),
    )
  }

  importFile(path: string): Promise<{ sha256: Sha256; sizeBytes: number }> {
    return wrapAsync(() => this.raw.importFile(path))
  }

  promote(sha256: Sha256): Promise<void> {
    return wrapAsync(() => this.raw.promote(sha256))
  }

  read(sha256: Sha256, offsetBytes: number, sizeBytes: number): Promise<Uint8Array | null> {
    return wrapAsync(() => this.raw.read(sha256, offsetBytes, sizeBytes))
  }

  dropMemory(sha256: Sha256): boolean {
    return wrapSync(() => this.raw.dropMemory(sha256))
  }

  dropDisk(sha256: Sha256): Promise<boolean> {
    return wrapAsync(() => this.raw.dropDisk(sha256))
  }

  diskPathOf(sha256: Sha256): string | null {
    return wrapSync(() => this.raw.diskPathOf(sha256))
  }

  exportedPathOf(digest: string): string | null {
    return wrapSync(() => this.raw.exportedPathOf(digest))
  }

  verifyDisk(sha256: Sha256): Promise<boolean> {
    return wrapAsync(() => this.raw.verifyDisk(sha256))
  }

  publish(entry: CatalogEntry, names: readonly string[]): void {
    wrapSync(() => this.raw.publish(entry, names))
  }

  unpublish(digest: string): void {
    this.raw.unpublish(digest)
  }

  removeName(name: string): void {
    this.raw.removeName(name)
  }

  answerOpen(requestId: number, digest: string): void {
    wrapSync(() => this.raw.answerOpen(requestId, digest))
  }

  refuseOpen(requestId: number, code: string, message: string): void {
    this.raw.refuseOpen(requestId, code, message)
  }

  adopt(requestId: number, wanted: readonly Sha256[]): Promise<AdoptedBlob[]> {
    return wrapAsync(() => this.raw.adopt(requestId, wanted))
  }

  setAccess(rules: readonly AccessRule[]): void {
    wrapSync(() => this.raw.setAccess(rules))
  }

  blobs(): BlobState[] {
    return this.raw.blobs().map(blobState)
  }

  blob(sha256: Sha256): BlobState | null {
    const raw = wrapSync(() => this.raw.blob(sha256))
    return raw === null ? null : blobState(raw)
  }

  stats(): StoreStats {
    const raw = this.raw.stats()
    const { diskFailures, segments, leases, connections, openHits, openMisses } = raw
    const tiers = byTier((tier) => ({ usedBytes: raw[`${tier}UsedBytes`], limitBytes: raw[`${tier}LimitBytes`] }))
    return { tiers, diskFailures, segments, leases, connections, openHits, openMisses }
  }

  checkInvariants(): void {
    wrapSync(() => this.raw.checkInvariants())
  }

  close(): Promise<void> {
    return wrapAsync(() => this.raw.close())
  }
}

function blobState({ sha256, sizeBytes, leases, inMemory, onDisk }: RawBlobState): BlobState {
  return { sha256, sizeBytes, leases, isIn: { memory: inMemory, disk: onDisk } }
}

class NativeFill implements Fill {
  readonly sha256: Sha256
  private readonly raw: RawFill

  constructor(sha256: Sha256, raw: RawFill) {
    this.sha256 = sha256
    this.raw = raw
  }

  recover(): Promise<number[]> {
    return wrapAsync(() => this.raw.recover())
  }

  putChunk(index: number, bytes: Uint8Array): Promise<void> {
    return wrapAsync(() => this.raw.putChunk(index, bytes))
  }

  finish(): Promise<void> {
    return wrapAsync(() => this.raw.finish())
  }

  abort(options: { keepPartial?: boolean; reason?: { code: string; message: string } } = {}): Promise<void> {
    const { code, message } = options.reason ?? { code: 'NO_SOURCE', message: 'the fetch was given up; open it again.' }
    return wrapAsync(() => this.raw.abort(options.keepPartial ?? false, code, message))
  }
}
