/**
 * Models that the runtime has loaded. The runtime knows derived blobs, not models: two models whose files convert to the same
 * bytes share one session, which ends with the last of them.
 */

import type { BlobId, ModelId } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import type { ModelSignature, Runtime } from '../ports/index.ts'

export interface Session {
  /** Id of the derived blob: the runtime's name of the model. */
  readonly runtimeDigest: BlobId
  readonly signature: ModelSignature
}

export interface SessionsPorts {
  readonly store: Store
  readonly runtime: Runtime
}

export class Sessions {
  private readonly ports: SessionsPorts
  private readonly sessions = new Map<ModelId, Session>()
  /** Models that use a derived blob or are about to: known before the runtime begins, so that no unload comes between. */
  private readonly users = new Map<BlobId, Set<ModelId>>()

  constructor(ports: SessionsPorts) {
    this.ports = ports
  }

  get(model: ModelId): Session | null {
    return this.sessions.get(model) ?? null
  }

  all(): Iterable<readonly [ModelId, Session]> {
    return this.sessions
  }

  isInUse(derived: BlobId): boolean {
    return this.users.has(derived)
  }

  /** Requests of the model that wait or run. */
  queued(model: ModelId): number {
    const session = this.sessions.get(model)
    return session === undefined ? 0 : this.ports.runtime.queued(session.runtimeDigest)
  }

  /** The derived blob is in memory. */
  async load(model: ModelId, derived: { readonly id: BlobId; readonly sizeBytes: number }): Promise<Session> {
    const { id, sizeBytes } = derived
    this.use(id, model)
    try {
      // No manifest states a sha256 of it, and the runtime asks for none.
      this.ports.store.publish({ digest: id, files: [{ path: 'model.ort', id, sha256: id, sizeBytes }] }, [])
      const session = { runtimeDigest: id, signature: await this.ports.runtime.load(id) }
      this.sessions.set(model, session)
      return session
    } catch (error) {
      if (this.letGo(id, model)) this.ports.store.unpublish(id)
      throw error
    }
  }

  /** Waits for running work. */
  async unload(model: ModelId): Promise<void> {
    const session = this.sessions.get(model)
    if (session === undefined) return
    this.sessions.delete(model)
    if (!this.letGo(session.runtimeDigest, model)) return
    this.ports.store.unpublish(session.runtimeDigest)
    await this.ports.runtime.unload(session.runtimeDigest)
  }

  private use(derived: BlobId, model: ModelId): void {
    const users = this.users.get(derived)
    if (users === undefined) this.users.set(derived, new Set([model]))
    else users.add(model)
  }

  /** True when nobody else uses the derived blob. */
  private letGo(derived: BlobId, model: ModelId): boolean {
    const users = this.users.get(derived)
    users?.delete(model)
    if (users !== undefined && users.size > 0) return false
    this.users.delete(derived)
    return true
  }
}
