/**
 * Models that held a worker longer than their request allowed, or wanted too much memory. They run in a worker of their own until they
 * have answered well often enough, so that they hold up one another and nobody else.
 */
import type { SetAside, SetAsideReason } from '../ports/index.ts'

interface Suspicion {
  readonly reason: SetAsideReason
  readonly offences: number
  /** Answers in a row that clear the model. */
  readonly wanted: number
}

/** Of the first offence; each further one takes eight times as many. */
const answersWanted = 16
const offencesCounted = 4
/** Of an answer to the next, so that a usual time follows a model that got slower. */
const weight = 0.2
/** Of times and suspicions; the oldest goes first. */
const modelsMax = 4096

export class Suspects {
  readonly #suspicions = new Map<string, Suspicion>()
  readonly #usualMs = new Map<string, number>()

  has(digest: string): boolean {
    return this.#suspicions.has(digest)
  }

  get some(): boolean {
    return this.#suspicions.size > 0
  }

  /** Of runs that came to their end; 0 when none has. */
  usualMs(digest: string): number {
    return this.#usualMs.get(digest) ?? 0
  }

  list(): SetAside[] {
    return [...this.#suspicions].map(([digest, { reason, offences, wanted: answersLeft }]) => {
      return { digest, reason, offences, answersLeft }
    })
  }

  noteOffence(digest: string, reason: SetAsideReason): void {
    const offences = Math.min(offencesCounted, (this.#suspicions.get(digest)?.offences ?? 0) + 1)
    this.#suspicions.delete(digest)
    this.#suspicions.set(digest, { reason, offences, wanted: answersWanted * 8 ** (offences - 1) })
    dropOldest(this.#suspicions)
  }

  noteAnswer(digest: string, tookMs: number): void {
    const before = this.#usualMs.get(digest) ?? tookMs
    this.#usualMs.delete(digest)
    this.#usualMs.set(digest, before + weight * (tookMs - before))
    dropOldest(this.#usualMs)
    const suspicion = this.#suspicions.get(digest)
    if (suspicion === undefined) return
    if (suspicion.wanted <= 1) this.#suspicions.delete(digest)
    else this.#suspicions.set(digest, { ...suspicion, wanted: suspicion.wanted - 1 })
  }
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size > modelsMax) map.delete(map.keys().next().value!)
}
