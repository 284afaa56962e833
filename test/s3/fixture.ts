/** An origin of its own below a random prefix of the server's bucket, and a folder for files. */
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inject } from 'vitest'
import { systemClock } from '../../node/system/index.ts'
import {
  Origin,
  type PushOptions,
  type PushResult,
  parseS3Url,
  push,
  type S3Options,
  S3Store,
} from '../../origin/index.ts'

export const server = inject('s3')

export class S3Fixture {
  readonly folder: string
  readonly url: string
  readonly store: S3Store
  readonly origin: Origin
  readonly publisherKey: KeyObject = generateKeyPairSync('ed25519').privateKey

  private constructor(folder: string, options: Partial<S3Options>) {
    this.folder = folder
    this.url = `s3://${server!.bucket}/${randomUUID()}?endpoint=${server!.endpoint}`
    this.store = new S3Store(parseS3Url(this.url), { clock: systemClock, ...options })
    this.origin = new Origin(this.store)
  }

  static async create(options: Partial<S3Options> = {}): Promise<S3Fixture> {
    process.env.AWS_ACCESS_KEY_ID = server!.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = server!.secretAccessKey
    return new S3Fixture(await mkdtemp(join(tmpdir(), 'holdfast-s3-files-')), options)
  }

  /** The same origin as another process sees it. */
  elsewhere(options: Partial<S3Options> = {}): S3Store {
    return new S3Store(parseS3Url(this.url), { clock: systemClock, ...options })
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts)
  }

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

  async remove(): Promise<void> {
    for await (const { key } of this.store.list('')) await this.store.delete(key)
    await this.store.sweep(0)
    await rm(this.folder, { recursive: true, force: true })
  }
}
