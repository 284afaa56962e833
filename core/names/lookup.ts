/**
 * One look-up of a name: the origin is asked, and peers when it has no answer. Where somebody waits and the origin takes long, peers are
 * asked beside it, and what they know is served while the origin is still waited for.
 */

import type { Failure } from '../failure.ts'
import type { NameWant } from './types.ts'

type Question = 'open' | 'asked' | 'answered'

export class Lookup {
  /** They take the first answer. */
  waiting: NameWant[] = []
  /** They want what the origin says. */
  readonly refreshing: NameWant[] = []
  /** They wait for another look-up: this one may have read the old ref. */
  readonly refreshesAfter: NameWant[] = []
  originFailure: Failure | null = null
  isAbsentAtOrigin = false
  private origin: Question
  private peers: Question = 'open'
  private isHurried = false

  constructor(hasOrigin: boolean) {
    this.origin = hasOrigin ? 'asked' : 'answered'
    if (!hasOrigin) this.peers = 'asked'
  }

  get isOver(): boolean {
    return this.origin === 'answered' && this.peers === 'answered'
  }

  /** True once, when somebody begins to wait while only the origin is asked. */
  hurry(): boolean {
    if (this.isHurried || this.peers !== 'open') return false
    this.isHurried = true
    return true
  }

  /** True when the peers are to be asked now. */
  askPeers(): boolean {
    if (this.peers !== 'open') return false
    this.peers = 'asked'
    return true
  }

  originHasNone(failure: Failure | null): void {
    this.origin = 'answered'
    this.originFailure = failure
    this.isAbsentAtOrigin = failure === null
  }

  peersAnswered(): void {
    this.peers = 'answered'
  }

  takeWaiting(): readonly NameWant[] {
    const taken = this.waiting
    this.waiting = []
    return taken
  }
}
