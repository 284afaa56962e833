/**
 * Loads the addon when it is first used, and gives its raw interface a type. Errors of the addon carry a code and details;
 * `rethrow` makes HoldfastErrors of them.
 */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type ErrorDetails, HoldfastError, isErrorCode, type LocalTier } from '../common/index.ts'
import type { BulkEngineOptions, RawBulkEngine, RawBulkEvent } from './bulk-types.ts'
import type {
  BlobProof,
  BlobSpec,
  BlobState,
  Confinement,
  CopyResult,
  Fill,
  LeaseEvent,
  OpenMiss,
  RunningHash,
  Store,
  StoreCounters,
  StoreOptions,
  StoreStats,
  TensorInfo,
} from './types.ts'

/** Calls go through as they are, but for those whose values have another form in JavaScript: store.ts gives them theirs. */
export interface RawFill extends Omit<Fill, 'id' | 'abort' | 'putFile'> {
  /** Null when the chunk is in place, 'short', or the errno of a read that failed. */
  putFile(index: number, fd: number, offsetBytes: number): Promise<'short' | number | null>
  abort(keepPartial: boolean, code: string, message: string): Promise<void>
}

export interface RawStore extends Omit<Store, 'beginFill' | 'promote' | 'blobs' | 'blob' | 'stats'> {
  beginFill(blob: BlobSpec, memory: boolean, disk: boolean): RawFill
  promote(id: string, proof: BlobProof | null): Promise<void>
  blobs(): RawBlobState[]
  blob(id: string): RawBlobState | null
  stats(): RawStoreStats
}

export interface RawBlobState extends Omit<BlobState, 'isIn'> {
  readonly inMemory: boolean
  readonly onDisk: boolean
}

export type RawStoreStats = Omit<StoreStats, 'tiers'> &
  Readonly<Record<`${LocalTier}${'UsedBytes' | 'LimitBytes'}`, number>>

/** A lease as the addon hands it out. Files of one `blob` have the same bytes. */
export interface RawModel {
  readonly digest: string
  readonly files: readonly { path: string; sha256: string; sizeBytes: number; blob: number }[]
  readonly handle: object
}

export interface RawClient {
  open(name: string, tenant: string, deadlineMs: number, arriving: boolean): Promise<RawModel>
  list(after: string, deadlineMs: number): Promise<{ names: string[]; next: string }>
  status(deadlineMs: number): Promise<StoreCounters>
  /** Connects again if the connection has ended, without blocking; an open by itself would wait for that. */
  reconnect(): Promise<void>
  isConnected(): boolean
  close(): void
}

export interface Addon {
  readonly Store: new (
    options: StoreOptions,
    onOpenMiss: (miss: OpenMiss) => void,
    onLease: (event: LeaseEvent) => void,
  ) => RawStore
  readonly BulkEngine: new (
    options: BulkEngineOptions,
    store: RawStore | null,
    onEvent: (...event: RawBulkEvent) => void,
  ) => RawBulkEngine
  connect(socketPath: string, token: string, timeoutMs: number): Promise<RawClient>
  notifyService(socketPath: string, text: string): void
  crashPoints(): string[]
  kernelConfinement(): Confinement
  filterSystemCalls(localSockets: boolean): boolean
  limitPrivateMemory(moreBytes: number): void
  closeModel(handle: object, buffers: readonly ArrayBuffer[]): void
  viewOf(handle: object, file: number, offsetBytes: number, sizeBytes: number): ArrayBuffer
  waitRange(handle: object, file: number, offsetBytes: number, sizeBytes: number, deadlineMs: number): Promise<void>
  tensorsOf(handle: object, file: number, deadlineMs: number): Promise<TensorInfo[]>
  /** As open reads them, of the first bytes of a file: the tensors, or how many bytes to come back with. BAD_MODEL_FILE. */
  readTensors(path: string, start: Uint8Array, fileSizeBytes: number): TensorInfo[] | number
  findTensor(handle: object, name: string): TensorInfo & { file: number }
  hashRange(fd: number, offsetBytes: number, sizeBytes: number): Promise<string | null>
  hashBytes(bytes: Uint8Array): Promise<string>
  readHashed(fd: number, offsetBytes: number, target: Uint8Array): Promise<string | null>
  writeVerified(
    bytes: Uint8Array,
    sha256: string,
    fd: number,
    offsetBytes: number,
    zerosFromBytes: number,
  ): Promise<boolean>
  copyVerified(
    fromFd: number,
    fromOffsetBytes: number,
    sizeBytes: number,
    sha256: string,
    fd: number,
    offsetBytes: number,
    zerosFromBytes: number,
  ): Promise<CopyResult>
  readonly FileHash: new () => RunningHash
}

let loaded: Addon | undefined

/** NATIVE_MISSING when the addon is not built or does not load on this machine. */
export function loadAddon(): Addon {
  if (loaded !== undefined) return loaded
  const path = addonPath(import.meta.dirname)
  if (path === null)
    throw new HoldfastError(
      'NATIVE_MISSING',
      'native/lib/holdfast.node is not built: run `npm rebuild holdfast` on Linux.',
    )
  try {
    loaded = createRequire(import.meta.url)(path) as Addon
    return loaded
  } catch (cause) {
    throw new HoldfastError('NATIVE_MISSING', `${path} does not load: run \`npm rebuild holdfast\`.`, { cause })
  }
}

/** The addon lies at native/lib of the package, whether this file runs from native/ or from dist/native/. */
function addonPath(folder: string): string | null {
  const candidates = [folder, join(dirname(dirname(folder)), 'native')].map((base) =>
    join(base, 'lib', 'holdfast.node'),
  )
  return candidates.find((path) => existsSync(path)) ?? null
}

/** Runs a call into the addon; its errors come out as HoldfastErrors. */
export function wrapSync<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw toHoldfastError(error)
  }
}

export function wrapAsync<T>(call: () => Promise<T>): Promise<T> {
  return wrapSync(call).catch((error: unknown) => {
    throw toHoldfastError(error)
  })
}

/** The calls of an object of the addon, with HoldfastErrors. */
export function wrapCalls<T extends object>(raw: T): T {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(raw)).filter((name) => name !== 'constructor')
  const calls = names.map((name) => {
    const call = raw[name as keyof T] as (...args: unknown[]) => unknown
    return [name, (...args: unknown[]) => rethrown(() => call.apply(raw, args))]
  })
  return Object.fromEntries(calls) as T
}

function rethrown(call: () => unknown): unknown {
  const result = wrapSync(call)
  if (!(result instanceof Promise)) return result
  return result.catch((error: unknown) => {
    throw toHoldfastError(error)
  })
}

function toHoldfastError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  const details = 'details' in error ? (error.details as ErrorDetails) : {}
  if (isErrorCode(error.code)) return new HoldfastError(error.code, error.message, { details })
  // A store of a later version may send codes that this one does not know.
  return new HoldfastError('SYSTEM', `${error.code}: ${error.message}`, { details })
}
