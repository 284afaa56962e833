/**
 * Repairs what gossip lost: nodes compare what they hold, when they connect and then each with one random peer per period.
 *
 * A large ledger is compared in two steps. First the asker sends the sums of its versions by groups of nodes, a kilobyte whatever
 * the size. Where they are equal, that was all. Otherwise the asked one sends the versions of the groups that differ, and each end
 * sends the other what it lacks:
 *
 *   asker                                    asked
 *     | -- sums ------------------------------> |    nothing when they are equal
 *     | <--------- summary of groups that differ |    and the entries of groups of which the asker has nothing
 *     | -- entries the asked one lacks -------> |
 *     | -- summary, where entries are lacking -> |
 *     | <---------------- entries that it lacks |
 *
 * A small ledger is sent as a summary at once. Sums stand in a summary of no nodes, which says nothing to a node that knows no sums.
 */
import type { NodeId, Prng } from '../../common/index.ts'
import type { Effect, Event, SignedEntry, SummaryRange } from '../events.ts'
import { compareIds } from './interner.ts'
import type { Ledger } from './ledger.ts'
import { sumCount } from './version.ts'

export interface ReconcileOptions {
  /** A lost message heals within about this time. More often would cost more than it finds. */
  readonly periodMs: number
  /**
   * New connections that begin an exchange at once, per period: a node that joins is connected with dozens at a time, and after the
   * first few there is nothing left to learn. Three, so that one that knows little itself does no harm.
   */
  readonly asksOnConnectMax: number
  /** Nodes that one summary speaks of: four items each, about 60 kB encoded, well below the limit of a message. */
  readonly nodesPerSummaryMax: number
  /** Entries that one answer carries. */
  readonly entriesPerMessageMax: number
  /** Up to this many entries a summary of all is sent at once: it is as short as the sums. */
  readonly plainEntriesMax: number
}

export const defaultReconcileOptions: ReconcileOptions = {
  periodMs: 10_000,
  asksOnConnectMax: 3,
  nodesPerSummaryMax: 1_000,
  entriesPerMessageMax: 256,
  plainEntriesMax: 24,
}

export const everything: SummaryRange = { after: null, through: null }

type SummaryEvent = Extract<Event, { kind: 'summary' }>

export class Reconcile {
  private readonly self: NodeId
  private readonly ledger: Ledger
  private readonly random: Prng
  private readonly options: ReconcileOptions
  private nextAtMs: number | null = null
  private asksSinceMs = Number.NEGATIVE_INFINITY
  private asksOnConnect = 0

  constructor(
    ports: { self: NodeId; ledger: Ledger; random: Prng },
    options: ReconcileOptions = defaultReconcileOptions,
  ) {
    this.self = ports.self
    this.ledger = ports.ledger
    this.random = ports.random
    this.options = options
  }

  /** When `tick` has something to do next. */
  get nextDueMs(): number {
    return this.nextAtMs ?? Number.NEGATIVE_INFINITY
  }

  /** Both ends see the connection; the one with the lower id asks, so that the exchange happens once. */
  peerUp(node: NodeId, nowMs: number): Effect[] {
    if (compareIds(this.self, node) > 0) return []
    if (nowMs - this.asksSinceMs >= this.options.periodMs) {
      this.asksSinceMs = nowMs
      this.asksOnConnect = 0
    }
    if (this.asksOnConnect >= this.options.asksOnConnectMax) return []
    this.asksOnConnect += 1
    return [this.ask(node)]
  }

  tick(connected: () => readonly NodeId[], nowMs: number): Effect[] {
    if (this.nextAtMs !== null && nowMs < this.nextAtMs) return []
    const first = this.nextAtMs === null
    // The first wait is drawn from the whole period, so that nodes that started together do not ask in step.
    this.nextAtMs = nowMs + (first ? 1 + this.random.int(this.options.periodMs) : this.options.periodMs)
    if (first) return []
    const peers = connected()
    return peers.length === 0 ? [] : [this.ask(peers[this.random.int(peers.length)]!)]
  }

  summary({ from, items, range, groups, sums, wantsSummary }: Omit<SummaryEvent, 'kind' | 'nowMs'>): Effect[] {
    if (sums !== undefined) return this.compare(from, sums)
    const missing =
      groups === undefined
        ? this.ledger.missingFrom(items, range ?? everything)
        : this.ledger.missingFromGroups(items, groups)
    const effects = this.sendEntries(from, missing)
    if (!wantsSummary) return effects
    const lacking = items.filter((item) => this.ledger.lacks(item))
    if (lacking.length === 0) return effects
    if (groups === undefined) {
      const own = range ?? everything
      return [...effects, this.sendSummary(from, { items: this.ledger.summary(own), range: own, wantsSummary: false })]
    }
    const wanted = [...new Set(lacking.map((item) => this.ledger.groupOf(item.node)))].sort((a, b) => a - b)
    return [...effects, ...this.sendGroups(from, wanted, false)]
  }

  private ask(to: NodeId): Effect {
    if (this.ledger.size <= this.options.plainEntriesMax) {
      return this.sendSummary(to, { items: this.ledger.summary(everything), range: everything, wantsSummary: true })
    }
    const nobody = { after: this.self, through: this.self }
    return this.sendSummary(to, { items: [], range: nobody, sums: [...this.ledger.sums()], wantsSummary: true })
  }

  private compare(from: NodeId, theirs: readonly number[]): Effect[] {
    const own = this.ledger.sums()
    const differing: number[] = []
    const unknown: number[] = []
    for (let group = 0; group < sumCount; group += 1) {
      if (own[group] === theirs[group]) continue
      // A sum of nothing is zero: they lack all of it, whatever we have.
      if (theirs[group] === 0) unknown.push(group)
      else differing.push(group)
    }
    const effects = unknown.length === 0 ? [] : this.sendEntries(from, this.ledger.missingFromGroups([], unknown))
    return differing.length === 0 ? effects : [...effects, ...this.sendGroups(from, differing, true)]
  }

  private sendGroups(to: NodeId, groups: readonly number[], wantsSummary: boolean): Effect[] {
    const nodesPerGroup = Math.max(1, this.ledger.count / sumCount)
    const groupsMax = Math.max(1, Math.floor(this.options.nodesPerSummaryMax / nodesPerGroup))
    return parts(groups, groupsMax).map((part) => {
      const summary = { items: this.ledger.summaryOfGroups(part), groups: part, wantsSummary }
      return this.sendSummary(to, summary)
    })
  }

  private sendSummary(to: NodeId, summary: Omit<SummaryEvent, 'kind' | 'from' | 'nowMs'>): Effect {
    return { kind: 'send-summary', to, ...summary }
  }

  private sendEntries(to: NodeId, entries: readonly SignedEntry[]): Effect[] {
    return parts(entries, this.options.entriesPerMessageMax).map((part) => ({
      kind: 'send-entries',
      to,
      entries: part,
    }))
  }
}

function parts<T>(items: readonly T[], lengthMax: number): T[][] {
  const found: T[][] = []
  for (let at = 0; at < items.length; at += lengthMax) found.push(items.slice(at, at + lengthMax))
  return found
}
