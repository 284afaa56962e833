/**
 * The client process's side: a connection to the store of this machine, and the models that it opens.
 */
import { HoldfastError } from '../placement/errors.ts'
import { type Addon, loadAddon, type RawClient, type RawModel, wrapAsync } from './addon.ts'
import type { OpenFile, OpenModel, OpenOptions, StoreClient } from './types.ts'

/** A store answers a greeting from a thread that does nothing else; one that takes this long is stopped or not a store. */
const connectTimeoutMs = 5_000

/** Owner of opens that name none. */
const defaultTenant = 'public'

/** STORE_UNREACHABLE when nobody listens, STORE_BUSY when the store has no room for another client. */
export async function connectStore(socketPath: string): Promise<NativeClient> {
  const addon = loadAddon()
  return new NativeClient(addon, await wrapAsync(() => addon.connect(socketPath, connectTimeoutMs)))
}

export class NativeClient implements StoreClient {
  private readonly addon: Addon
  private readonly raw: RawClient
  /** Weak, because a model that nobody can reach any more shall end its lease by itself. */
  private readonly models = new Set<WeakRef<NativeModel>>()

  constructor(addon: Addon, raw: RawClient) {
    this.addon = addon
    this.raw = raw
  }

  /** False once the store has gone or close() was called: connect again. */
  get connected(): boolean {
    return this.raw.isConnected()
  }

  async open(name: string, options: OpenOptions = {}): Promise<OpenModel> {
    const { tenant = defaultTenant, deadlineMs = Number.POSITIVE_INFINITY } = options
    const raw = await wrapAsync(() => this.raw.open(name, tenant, deadlineMs))
    const reference: { model?: WeakRef<NativeModel> } = {}
    const model = new NativeModel(this.addon, raw, () => {
      if (reference.model !== undefined) this.models.delete(reference.model)
    })
    reference.model = new WeakRef(model)
    this.models.add(reference.model)
    return model
  }

  /** Closes every model that is still open, then the connection. */
  close(): void {
    for (const reference of this.models) reference.deref()?.close()
    this.models.clear()
    this.raw.close()
  }
}

class NativeModel implements OpenModel {
  readonly digest: string
  readonly files: readonly OpenFile[]
  private readonly addon: Addon
  private readonly onClose: () => void
  private raw: RawModel | null

  constructor(addon: Addon, raw: RawModel, onClose: () => void) {
    this.addon = addon
    this.raw = raw
    this.onClose = onClose
    this.digest = raw.digest
    this.files = raw.files.map(({ path, sha256, sizeBytes, blob }) => {
      const buffer = raw.buffers[blob]
      if (buffer === undefined) throw new HoldfastError('STORE_PROTOCOL', `The store sent no bytes for ${path}`)
      return { path, sha256, sizeBytes, bytes: new Uint8Array(buffer) }
    })
  }

  file(path: string): OpenFile {
    const found = this.files.find((file) => file.path === path)
    if (found !== undefined) return found
    throw new HoldfastError('UNKNOWN_MODEL', `Model ${this.digest} has no file ${path}`, {
      details: { path, files: this.files.map((file) => file.path) },
    })
  }

  close(): void {
    if (this.raw === null) return
    const { handle, buffers } = this.raw
    this.raw = null
    this.addon.closeModel(handle, buffers)
    this.onClose()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
