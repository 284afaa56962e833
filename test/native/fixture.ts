/** A store in a temporary folder, blobs to put into it, events to await, and child processes of either side. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BlobId } from '../../common/index.ts'
import { createStore } from '../../native/index.ts'
import type { BlobSpec, LeaseEvent, OpenMiss, PublishedFile, Store, StoreOptions } from '../../native/types.ts'
import { blobIdOf } from '../../origin/index.ts'

export const digestOf = (name: string): string => sha256(Buffer.from(name))

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Bytes that differ by seed and position, the same on every run. */
export function bytesOf(sizeBytes: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes)
  for (let at = 0; at < sizeBytes; at += 32) {
    createHash('sha256').update(`${seed} ${at}`).digest().copy(bytes, at)
  }
  return bytes
}

export function chunksOf(bytes: Buffer, chunkBytes: number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes))
  return chunks
}

export function specOf(bytes: Buffer, chunkBytes = 64 * 1024): BlobSpec {
  const chunks = chunksOf(bytes, chunkBytes).map((chunk) => ({ sha256: sha256(chunk), sizeBytes: chunk.length }))
  return { id: blobIdOf({ chunks }), sizeBytes: bytes.length, chunks }
}

/** Of what `add` and `publish` put into a store. */
export const idOf = (bytes: Buffer): BlobId => specOf(bytes).id

/** Cut as specOf cuts. */
export const cutOf = (bytes: Buffer, chunkBytes?: number): number[] =>
  specOf(bytes, chunkBytes).chunks.map(({ sizeBytes }) => sizeBytes)

export function fileOf(path: string, bytes: Buffer): PublishedFile {
  return { path, id: idOf(bytes), sha256: sha256(bytes), sizeBytes: bytes.length }
}

export class StoreFixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  readonly options: StoreOptions
  readonly store: Store
  readonly leases: LeaseEvent[] = []
  readonly misses: OpenMiss[] = []
  private readonly events = new EventEmitter()
  private readonly children: ChildProcess[] = []

  constructor(options: Partial<StoreOptions> = {}) {
    this.options = {
      socketPath: join(this.folder, 'store.sock'),
      memoryLimitBytes: 64 << 20,
      diskPath: join(this.folder, 'disk'),
      diskLimitBytes: 64 << 20,
      connectionsMax: 16,
      leasesPerConnectionMax: 64,
      ...options,
    }
    this.store = createStore(this.options, {
      onLease: (event) => {
        this.leases.push(event)
        this.events.emit('event')
      },
      onOpenMiss: (miss) => {
        this.misses.push(miss)
        this.events.emit('event')
      },
    })
  }

  /** Waits for store events until the condition holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.events, 'event')
  }

  async nextMiss(): Promise<OpenMiss> {
    await this.until(() => this.misses.length > 0)
    return this.misses.shift()!
  }

  async add(bytes: Buffer, where = { memory: true, disk: false }): Promise<BlobId> {
    const chunkBytes = 64 * 1024
    const spec = specOf(bytes, chunkBytes)
    const fill = this.store.beginFill(spec, where)
    await Promise.all(chunksOf(bytes, chunkBytes).map((chunk, index) => fill.putChunk(index, chunk)))
    await fill.finish()
    return spec.id
  }

  /** Publishes a model whose files have these bytes; returns its digest. */
  async publish(name: string, contents: readonly Buffer[], paths: readonly string[] = []): Promise<string> {
    const files: PublishedFile[] = []
    for (const [index, bytes] of contents.entries()) {
      const file = fileOf(paths[index] ?? `file-${index}`, bytes)
      if (this.store.blob(file.id) === null) await this.add(bytes)
      files.push(file)
    }
    const digest = digestOf(name)
    this.store.publish({ digest, files }, [name])
    return digest
  }

  /** Runs a file of test/native/programs; resolves with the child and its first line, and with a way to get the next ones. */
  async run(program: string, args: readonly string[] = []) {
    const path = join(import.meta.dirname, 'programs', program)
    const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.children.push(child)
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    const next = async (): Promise<string> => {
      const { value, done } = await lines.next()
      if (done) throw new Error(`${program} ended early`)
      return value as string
    }
    return { child, next }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    this.store.checkInvariants()
    await this.store.close()
    this.store.checkInvariants()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
