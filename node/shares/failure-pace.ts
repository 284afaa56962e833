/**
 * Makes owners whose attempts keep failing wait for the next one, so that what strangers can cost by failing over and over has a bound.
 * Nobody is refused: an owner, which is an address, may have honest ones among the others.
 */
export interface FailurePaceOptions {
  /** Failures that cost an owner no wait. */
  readonly freeFailures: number
  /** Attempts per second of an owner that has failed more often; its failures are forgotten at this pace too. */
  readonly perSecond: number
  /** The same of an owner that has succeeded before, such as the address of a router with a site behind it. */
  readonly knownPerSecond: number
}

export const defaultFailurePace: FailurePaceOptions = { freeFailures: 16, perSecond: 8, knownPerSecond: 64 }

interface Owner {
  /** Failures that are not forgotten yet, as of `atMs`. */
  failures: number
  atMs: number
  /** Attempts that wait. */
  waiting: number
}

/** Owners that are remembered; the oldest goes for a new one. */
const ownersMax = 4_096

export class FailurePace {
  private readonly options: FailurePaceOptions
  private readonly owners = new Map<string, Owner>()
  private readonly known = new Set<string>()

  constructor(options: FailurePaceOptions) {
    this.options = options
  }

  /** How long the next attempt of the owner has to wait, in milliseconds. One that has to wait calls `waited` afterwards. */
  enter(owner: string, nowMs: number): number {
    const record = this.owners.get(owner)
    if (record === undefined) return 0
    this.forget(owner, record, nowMs)
    const ahead = record.failures + record.waiting - this.options.freeFailures
    if (ahead < 0) return 0
    record.waiting += 1
    return ((ahead + 1) * 1_000) / this.rateOf(owner)
  }

  /** Its wait has ended, or it has gone. */
  waited(owner: string): void {
    const record = this.owners.get(owner)
    if (record !== undefined && record.waiting > 0) record.waiting -= 1
  }

  failed(owner: string, nowMs: number): void {
    const record = this.owners.get(owner) ?? { failures: 0, atMs: nowMs, waiting: 0 }
    this.forget(owner, record, nowMs)
    record.failures += 1
    remember(this.owners, owner, record)
  }

  succeeded(owner: string): void {
    this.known.delete(owner)
    this.known.add(owner)
    if (this.known.size > ownersMax) this.known.delete(this.known.values().next().value!)
  }

  private forget(owner: string, record: Owner, nowMs: number): void {
    record.failures = Math.max(0, record.failures - ((nowMs - record.atMs) / 1_000) * this.rateOf(owner))
    record.atMs = nowMs
  }

  private rateOf(owner: string): number {
    return this.known.has(owner) ? this.options.knownPerSecond : this.options.perSecond
  }
}

function remember(owners: Map<string, Owner>, owner: string, record: Owner): void {
  owners.delete(owner)
  owners.set(owner, record)
  if (owners.size > ownersMax) owners.delete(owners.keys().next().value!)
}
