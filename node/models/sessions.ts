/**
 * Models that the runtime has loaded. The runtime knows derived blobs, not models: two models whose files convert to the same
 * bytes share one session, which ends with the last of them.
 */

import type { ModelId, Sha256 } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import type { ModelSignature, Runtime } from '../ports/index.ts'

export interface Session {
  /** Digest of the derived blob: the runtime's name of the model. */
  readonly runtimeDigest: Sha256
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
  private readonly users = new Map<Sha256, Set<ModelId>>()

  constructor(ports: SessionsPorts) {
    this.ports = ports
  }

  get(model: ModelId): Session | null {
    return this.sessions.get(model) ?? null
  }

  all(): Iterable<readonly [ModelId, Session]> {
    return this.sessions
  }

  isInUse(derived: Sha256): boolean {
    return this.users.has(derived)
  }

  /** Requests of the model that wait or run. */
  queued(model: ModelId): number {
    const session = this.sessions.get(model)
    return session === undefined ? 0 : this.ports.runtime.queued(session.runtimeDigest)
  }

  /** The derived blob is in memory. */
  async load(model: ModelId, derived: { readonly sha256: Sha256; readonly sizeBytes: number }): Promise<Session> {
    const { sha256, sizeBytes } = derived
    this.use(sha256, model)
    try {
      this.ports.store.publish({ digest: sha256, files: [{ path: 'model.ort', sha256, sizeBytes }] }, [])
      const session = { runtimeDigest: sha256, signature: await this.ports.runtime.load(sha256) }
      this.sessions.set(model, session)
      return session
    } catch (error) {
      if (this.letGo(sha256, model)) this.ports.store.unpublish(sha256)
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

  private use(derived: Sha256, model: ModelId): void {
    const users = this.users.get(derived)
    if (users === undefined) this.users.set(derived, new Set([model]))
    else users.add(model)
  }

  /** True when nobody else uses the derived blob. */
  private letGo(derived: Sha256, model: ModelId): boolean {
    const users = this.users.get(derived)
    users?.delete(model)
    if (users !== undefined && users.size > 0) return false
    this.users.delete(derived)
    return true
  }
}
