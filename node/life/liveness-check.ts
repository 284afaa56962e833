/**
 * Is the node alive: its event loop turns, or nobody would answer here, and its store's threads answer. Not whether it serves,
 * which is readiness: a node that waits for a far origin is alive, and starting it again would help nobody.
 */
import { toBlobId } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import type { Clock } from '../system/index.ts'

export interface VitalsPorts {
  readonly store: Pick<Store, 'read'>
  readonly clock: Clock
}

export interface VitalsOptions {
  /** A store that hashes or reads from a slow disk on all its threads may take a while; one that takes longer hangs. */
  readonly answerMs: number
}

export const defaultVitalsOptions: VitalsOptions = { answerMs: 10_000 }

export interface Pulse {
  readonly alive: boolean
  /** Null when alive. */
  readonly reason: string | null
}

/** No blob has this id; looking for it takes one turn of a thread of the store. */
const nowhere = toBlobId('0'.repeat(64))

export class LivenessCheck {
  private readonly ports: VitalsPorts
  private readonly options: VitalsOptions
  private checking: Promise<Pulse> | null = null

  constructor(ports: VitalsPorts, options: Partial<VitalsOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultVitalsOptions, ...options }
  }

  /** A question that comes while a check runs gets that check's answer: probes of many do not pile up on a store that hangs. */
  check(): Promise<Pulse> {
    this.checking ??= this.look().finally(() => {
      this.checking = null
    })
    return this.checking
  }

  private async look(): Promise<Pulse> {
    const { store, clock } = this.ports
    const { answerMs } = this.options
    const { promise, resolve } = Promise.withResolvers<Pulse>()
    const forget = clock.after(answerMs, () => resolve(dead(`the store has not answered for ${answerMs} ms`)))
    store.read(nowhere, 0, 0).then(
      () => resolve({ alive: true, reason: null }),
      (error: Error) => resolve(dead(`the store does not answer: ${error.message}`)),
    )
    try {
      return await promise
    } finally {
      forget()
    }
  }
}

function dead(reason: string): Pulse {
  return { alive: false, reason }
}
