/** The loaded sessions of a node, and which of them end for others: they are bounded in number and in private memory. */
import type { ModelId } from '../../common/index.ts'
import {
  areSessionsWithin,
  type LoadedSession,
  planSessionEvictions,
  type SessionLimits,
  type SessionPlan,
} from '../../placement/index.ts'
import type { Failure } from '../failure.ts'

export interface SessionRoomPorts {
  readonly limits: () => SessionLimits
  /** How often the model is expected to be asked for; null when nothing predicts it. */
  readonly ratePerS: (model: ModelId, nowMs: number) => number | null
  /** Nobody uses the session. */
  readonly mayEnd: (model: ModelId) => boolean
  readonly isEnding: (model: ModelId) => boolean
}

interface Known {
  privateBytes: number
  loadMs: number
  startedMs: number
}

const nothingEnds: SessionPlan = { victims: [], fits: true }

export class SessionRoom {
  private readonly ports: SessionRoomPorts
  /** Loading, loaded, or ending. */
  private readonly open = new Map<ModelId, Known>()
  private readonly lastUseMs = new Map<ModelId, number>()

  constructor(ports: SessionRoomPorts) {
    this.ports = ports
  }

  noteUse(model: ModelId, nowMs: number): void {
    if (this.open.has(model)) this.lastUseMs.set(model, nowMs)
  }

  /** What has to end before another session is loaded. `mustWait`: for that, or for what is ending already. */
  planNext(nowMs: number): SessionPlan & { readonly mustWait: boolean } {
    const limits = this.ports.limits()
    if (this.isWithin(limits, 1)) return { ...nothingEnds, mustWait: false }
    const open = this.sessions(nowMs)
    const staying = open.filter(({ model }) => !this.ports.isEnding(model))
    const plan = planSessionEvictions(staying, limits, 1)
    const isRoom = planSessionEvictions(open.map(asInUse), limits, 1).fits
    return { ...plan, mustWait: plan.fits && !isRoom }
  }

  /** What ends because sessions turned out to be larger than their limit. */
  planExcess(nowMs: number): SessionPlan {
    const limits = this.ports.limits()
    if (this.isWithin(limits, 0)) return nothingEnds
    const staying = this.sessions(nowMs).filter(({ model }) => !this.ports.isEnding(model))
    return planSessionEvictions(staying, limits, 0)
  }

  begin(model: ModelId, nowMs: number): void {
    this.open.set(model, { privateBytes: 0, loadMs: 0, startedMs: nowMs })
    this.lastUseMs.set(model, nowMs)
  }

  loaded(model: ModelId, privateBytes: number, nowMs: number): void {
    const known = this.open.get(model)
    if (known === undefined) return
    known.privateBytes = privateBytes
    known.loadMs = nowMs - known.startedMs
  }

  ended(model: ModelId): void {
    this.open.delete(model)
    this.lastUseMs.delete(model)
  }

  full(): Failure {
    const { sessionsMax, privateBytesMax } = this.ports.limits()
    const message = `All ${this.open.size} loaded models are in use (limits runtime.sessionsMax ${sessionsMax}, runtime.sessionBytesMax ${privateBytesMax}); try again soon.`
    return { code: 'MEMORY_FULL', message, details: { loadedModels: this.open.size, sessionsMax, privateBytesMax } }
  }

  /** With all that are open, those that end included: then it does not matter what any of them is worth. */
  private isWithin(limits: SessionLimits, nextCount: 0 | 1): boolean {
    let privateBytes = 0
    for (const known of this.open.values()) privateBytes += known.privateBytes
    return areSessionsWithin(this.open.size + nextCount, privateBytes, limits)
  }

  private sessions(nowMs: number): LoadedSession[] {
    const { ratePerS, mayEnd } = this.ports
    return [...this.open].map(([model, { privateBytes, loadMs }]) => {
      const idleS = (nowMs - (this.lastUseMs.get(model) ?? nowMs)) / 1000
      const rate = ratePerS(model, nowMs) ?? 1 / (1 + idleS)
      return { model, ratePerS: rate, loadMs, privateBytes, mayEnd: mayEnd(model) }
    })
  }
}

function asInUse(session: LoadedSession): LoadedSession {
  return { ...session, mayEnd: false }
}
