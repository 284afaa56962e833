/** A temporary folder with an origin in it, a key, and writers of small model files. Everything is gone after the test. */
import { createCipheriv, createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '../../node/system/index.ts'
import { FileStore, Origin, type OriginOptions, type PushOptions, type PushResult, push } from '../../origin/index.ts'

export class OriginFixture {
  readonly folder: string
  readonly originFolder: string
  readonly store: FileStore
  readonly origin: Origin
  readonly publisherKey: KeyObject = generateKeyPairSync('ed25519').privateKey

  private constructor(folder: string, options: Partial<OriginOptions>) {
    this.folder = folder
    this.originFolder = join(folder, 'origin')
    this.store = new FileStore(this.originFolder, { clock: systemClock, create: true })
    this.origin = new Origin(this.store, options)
  }

  static async create(options: Partial<OriginOptions> = {}): Promise<OriginFixture> {
    return new OriginFixture(await mkdtemp(join(tmpdir(), 'holdfast-origin-')), options)
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts)
  }

  /** Writes files below `name` and returns that folder. */
  async model(name: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(this.path(name, path)), { recursive: true })
      await writeFile(this.path(name, path), content)
    }
    return this.path(name)
  }

  push(source: string, name: string, options: Partial<PushOptions> = {}): Promise<PushResult> {
    return push({ source, name, origin: this.origin, publisherKey: this.publisherKey, ...options })
  }

  async objectKeys(prefix: string): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of this.store.list(prefix)) keys.push(key)
    return keys.sort()
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** The same bytes for the same seed; no two seeds share a run. AES in counter mode, since it is fast. */
export function noise(seed: string, sizeBytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes))
}

export interface TestTensor {
  readonly name: string
  readonly bytes: Uint8Array
}

/** A safetensors file of U8 tensors in this order. */
export function safetensors(tensors: readonly TestTensor[], metadata?: Readonly<Record<string, string>>): Buffer {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {}
  let endBytes = 0
  for (const { name, bytes } of tensors) {
    header[name] = { dtype: 'U8', shape: [bytes.length], data_offsets: [endBytes, endBytes + bytes.length] }
    endBytes += bytes.length
  }
  return safetensorsOf(JSON.stringify(header), Buffer.concat(tensors.map(({ bytes }) => bytes)))
}

/** Any header before any data. */
export function safetensorsOf(header: string, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)))
  return Buffer.concat([length, Buffer.from(header), data])
}
