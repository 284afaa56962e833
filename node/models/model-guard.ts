/** Keeps in the state which publisher a model belongs to (core/names/model-claims.ts). */
import type { ModelId } from '../../common/index.ts'
import { ModelClaims } from '../../core/index.ts'
import type { Ref } from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Log } from '../system/index.ts'

const keyPrefix = 'claim/'

export interface ModelGuardPorts {
  readonly state: StateStore
  readonly log: Log
}

export class ModelGuard {
  private readonly ports: ModelGuardPorts
  private readonly claims = new ModelClaims()

  constructor(ports: ModelGuardPorts) {
    this.ports = ports
  }

  async start(): Promise<void> {
    for await (const [key, value] of this.ports.state.entries(keyPrefix)) {
      const [model = '', publicKey = ''] = String(value).split(' ')
      this.claims.found(key.slice(keyPrefix.length), { model, publicKey })
    }
  }

  /** A ref of an earlier run, which may have been one before claims were kept: it counts where nothing else is known. */
  found({ manifest, model, publicKey }: Ref): void {
    this.claims.claim(manifest, { model, publicKey })
  }

  isForeign({ manifest, model, publicKey }: Ref): boolean {
    return this.claims.isForeign(manifest, { model, publicKey })
  }

  /** Null when the model came by the name of another publisher, so that this ref must not mean it; else what is being written for it. */
  admit(ref: Ref): readonly Promise<void>[] | null {
    if (this.isForeign(ref)) return null
    const { manifest, model, publicKey } = ref
    const { isNew, forgotten } = this.claims.claim(manifest, { model, publicKey })
    const writes: Promise<void>[] = []
    if (isNew)
      writes.push(this.write(manifest, () => this.ports.state.put(keyPrefix + manifest, `${model} ${publicKey}`)))
    if (forgotten !== null) writes.push(this.write(forgotten, () => this.ports.state.delete(keyPrefix + forgotten)))
    return writes
  }

  /** It holds until the next start all the same. */
  private async write(manifest: ModelId, change: () => Promise<void>): Promise<void> {
    try {
      await change()
    } catch (error) {
      this.ports.log.error({ manifest, error: (error as Error).message }, 'the publisher of a model was not written')
    }
  }
}
