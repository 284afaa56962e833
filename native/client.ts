/**
 * The client process's side: a connection to the store of this machine, and the models that it opens.
 */
import { type Addon, loadAddon, type RawClient, wrapAsync, wrapSync } from './addon.ts'
import { NativeModel } from './open-model.ts'
import type { ConnectOptions, OpenModel, OpenOptions, StoreClient, StoreCounters } from './types.ts'

/** A store answers a greeting from a thread that does nothing else; one that takes this long is stopped or not a store. */
const connectTimeoutMs = 5_000

/** Owner of opens that name none. */
const defaultTenant = 'public'

/** STORE_UNREACHABLE when nobody listens, STORE_BUSY when the store has no room for another client, UNAUTHORIZED for a wrong token. */
export async function connectStore(socketPath: string, options: ConnectOptions = {}): Promise<NativeClient> {
  const addon = loadAddon()
  const token = options.token ?? process.env.HOLDFAST_STORE_TOKEN ?? ''
  return new NativeClient(addon, await wrapAsync(() => addon.connect(socketPath, token, connectTimeoutMs)))
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

  /** False while the store is away and after close(). An open connects again by itself, unless close() was called. */
  get connected(): boolean {
    return this.raw.isConnected()
  }

  async open(name: string, options: OpenOptions = {}): Promise<OpenModel> {
    const { tenant = defaultTenant, deadlineMs = Number.POSITIVE_INFINITY, arriving = false } = options
    if (!this.raw.isConnected()) await wrapAsync(() => this.raw.reconnect())
    const raw = await wrapAsync(() => this.raw.open(name, tenant, deadlineMs, arriving))
    const reference: { model?: WeakRef<NativeModel> } = {}
    const model = new NativeModel(this.addon, raw, () => {
      if (reference.model !== undefined) this.models.delete(reference.model)
    })
    reference.model = new WeakRef(model)
    this.models.add(reference.model)
    return model
  }

  async list(): Promise<string[]> {
    const names: string[] = []
    for (let after = ''; ; ) {
      const page = await wrapAsync(() => this.raw.list(after, connectTimeoutMs))
      names.push(...page.names)
      if (page.next === '') return names
      after = page.next
    }
  }

  status(): Promise<StoreCounters> {
    return wrapAsync(() => this.raw.status(connectTimeoutMs))
  }

  /** Closes every model that is still open, then the connection. */
  close(): void {
    for (const reference of this.models) reference.deref()?.close()
    this.models.clear()
    wrapSync(() => this.raw.close())
  }
}
