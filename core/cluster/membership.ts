/**
 * The nodes to avoid now. A closed connection, a failed call or silence makes a suspicion, published under
 * our name and honoured by everyone's routing at once; the suspect hears of it and refutes it with a newer state entry.
 *
 * A suspicion names the version of the state entry it holds against the node, and counts only while exactly that version is
 * the newest known. So it ends with any newer state, and nobody can suspect a version that does not exist yet. We ourselves
 * avoid a node that we could not reach for a while even when it refutes: others may reach it, we did not.
 *
 * A member may lie. So nothing that others say counts against a node that we are connected to, one voice alone counts against nobody,
 * and an author that speaks against nodes that we are connected to is soon not listened to.
 */
import type { NodeId } from '../../common/index.ts'
import type { Entry, SuspicionBody } from '../events.ts'
import { compareIds, type Interner } from './interner.ts'
import type { Ledger } from './ledger.ts'
import { compareVersions, type Version } from './version.ts'

export interface MembershipOptions {
  /** How long we avoid a node that we could not reach, whatever it says. Long enough to cost few failed calls, short enough to notice a return. */
  readonly avoidMs: number
  /** We do not publish what this many others say already: a lost node would cost a message of each of its neighbours. */
  readonly voicesMax: number
  /** Others that have to suspect a node before we avoid it: one alone may lie, or be the one that is cut off. */
  readonly voicesMin: number
  /** Suspicions of nodes that we are connected to after which the word of their author counts no more. */
  readonly doubtsMax: number
}

export const defaultMembershipOptions: MembershipOptions = { avoidMs: 5_000, voicesMax: 3, voicesMin: 2, doubtsMax: 3 }

export class Membership {
  private readonly interner: Interner
  private readonly ledger: Ledger
  private readonly options: MembershipOptions
  private readonly self: NodeId
  private readonly connected = new Set<number>()
  private readonly own = new Map<number, Version>()
  private readonly avoidUntilMs = new Map<number, number>()
  private readonly rttMs = new Map<number, number>()
  /** By author: what it said against nodes that we are connected to, less what proved true. */
  private readonly doubts = new Map<number, number>()
  private changes = 0
  /** By suspect, then by author: what the suspicion entries in the ledger say. Small, since most of the time nobody is suspected. */
  private readonly received = new Map<NodeId, Map<number, Version>>()

  constructor(
    ports: { self: NodeId; interner: Interner; ledger: Ledger },
    options: MembershipOptions = defaultMembershipOptions,
  ) {
    this.interner = ports.interner
    this.ledger = ports.ledger
    this.self = ports.self
    this.options = options
  }

  /** Rises whenever it may have changed who is suspected, or how far away somebody is. */
  get revision(): number {
    return this.changes
  }

  /** True when our own suspicions changed and are to be published. */
  peerUp(index: number): boolean {
    this.changes += 1
    this.connected.add(index)
    this.avoidUntilMs.delete(index)
    return this.own.delete(index)
  }

  peerDown(index: number, nowMs: number): boolean {
    this.connected.delete(index)
    return this.suspect(index, nowMs)
  }

  /** A connection ended that nobody needed. */
  spareClosed(index: number): void {
    this.connected.delete(index)
  }

  callFailed(index: number, nowMs: number): boolean {
    return this.suspect(index, nowMs)
  }

  measured(index: number, rttMs: number): void {
    this.changes += 1
    this.rttMs.set(index, rttMs)
  }

  /** After the ledger took a state entry: true when it refutes what we held against the node. */
  stateApplied(index: number): boolean {
    const held = this.own.get(index)
    const state = this.ledger.get('state', index)
    if (held === undefined || state === null || compareVersions(state, held) <= 0) return false
    this.changes += 1
    return this.own.delete(index)
  }

  /** After the ledger took a suspicion entry. Returns the nodes newly suspected by its author, and whether this node is one. */
  suspicionApplied(entry: Entry<'suspicion'>): { suspected: NodeId[]; self: boolean } {
    const author = this.interner.index(entry.node)
    this.changes += 1
    const before = this.suspectsOf(author)
    this.forgetAuthor(author)
    const suspected: NodeId[] = []
    for (const suspect of entry.body.suspects) {
      // Kept for unknown nodes too: their state may come after the suspicion.
      const byAuthor = this.received.get(suspect.node) ?? new Map<number, Version>()
      byAuthor.set(author, { epoch: suspect.epoch, sequence: suspect.sequence })
      this.received.set(suspect.node, byAuthor)
      if (!before.has(suspect.node) && this.counts(this.interner.lookup(suspect.node), suspect)) {
        suspected.push(suspect.node)
        this.weigh(author, this.interner.lookup(suspect.node)!)
      }
    }
    const against = this.received.get(this.self)?.get(author)
    return { suspected, self: against !== undefined && this.counts(this.interner.lookup(this.self), against) }
  }

  /** The ledger removed these nodes: what they said and what was said of them is void. */
  removed(indices: readonly number[]): boolean {
    this.changes += 1
    let changed = false
    for (const index of indices) {
      changed = this.own.delete(index) || changed
      this.received.delete(this.interner.id(index))
      this.avoidUntilMs.delete(index)
      this.rttMs.delete(index)
      this.doubts.delete(index)
      this.forgetAuthor(index)
    }
    return changed
  }

  /** True when this node suspects others: then their states may refute it. */
  get suspects(): boolean {
    return this.own.size > 0
  }

  get connectedCount(): number {
    return this.connected.size
  }

  isConnected(index: number): boolean {
    return this.connected.has(index)
  }

  /** Connected nodes in order of their ids. */
  connectedNodes(): number[] {
    return [...this.connected].sort((a, b) => compareIds(this.interner.id(a), this.interner.id(b)))
  }

  isSuspected(index: number, nowMs: number): boolean {
    // Most of the time nobody is, and every holder of every model is asked about.
    if (this.avoidUntilMs.size === 0 && this.own.size === 0 && this.received.size === 0) return false
    if ((this.avoidUntilMs.get(index) ?? Number.NEGATIVE_INFINITY) > nowMs) return true
    const own = this.own.get(index)
    if (own !== undefined && this.counts(index, own)) return true
    // What we see ourselves stands above what others say.
    return !this.connected.has(index) && this.isSuspectedByOthers(index)
  }

  private isSuspectedByOthers(index: number): boolean {
    const byAuthor = this.received.size === 0 ? undefined : this.received.get(this.interner.id(index))
    if (byAuthor === undefined) return false
    let voices = 0
    for (const [author, version] of byAuthor) {
      if (this.counts(index, version) && (this.doubts.get(author) ?? 0) < this.options.doubtsMax) voices += 1
    }
    return voices >= this.options.voicesMin
  }

  /** The author holds something new against the node. */
  private weigh(author: number, suspect: number): void {
    const doubts = this.doubts.get(author) ?? 0
    if (this.connected.has(suspect)) this.doubts.set(author, Math.min(doubts + 1, this.options.doubtsMax))
    else if (doubts > 0 && this.own.has(suspect)) this.doubts.set(author, doubts - 1)
  }

  /** Other nodes whose suspicion of this one counts now, in order of ids. */
  suspectedBy(index: number): NodeId[] {
    const authors: NodeId[] = []
    for (const [author, version] of this.received.get(this.interner.id(index)) ?? []) {
      if (this.counts(index, version)) authors.push(this.interner.id(author))
    }
    return authors.sort(compareIds)
  }

  rttMsOf(index: number): number | null {
    return this.rttMs.get(index) ?? null
  }

  /** What to publish, given what we published last: that stays published while it holds, or all voices would fall silent together. */
  body(published: SuspicionBody | null): SuspicionBody {
    const suspects = [...this.own]
      .map(([index, version]) => ({ node: this.interner.id(index), ...version }))
      .filter((suspect) => {
        const before = published?.suspects.find((one) => one.node === suspect.node)
        if (before !== undefined && compareVersions(before, suspect) === 0) return true
        return this.suspectedBy(this.interner.index(suspect.node)).length < this.options.voicesMax
      })
    return { suspects: suspects.sort((a, b) => compareIds(a.node, b.node)) }
  }

  private suspect(index: number, nowMs: number): boolean {
    this.changes += 1
    this.avoidUntilMs.set(index, nowMs + this.options.avoidMs)
    const state = this.ledger.get('state', index)
    if (state === null) return false
    const held = this.own.get(index)
    if (held !== undefined && compareVersions(held, state) === 0) return false
    this.own.set(index, { epoch: state.epoch, sequence: state.sequence })
    return true
  }

  private counts(index: number | undefined, version: Version): boolean {
    const state = index === undefined ? null : this.ledger.get('state', index)
    return state !== null && compareVersions(state, version) === 0
  }

  private suspectsOf(author: number): Set<NodeId> {
    const suspects = new Set<NodeId>()
    for (const [suspect, byAuthor] of this.received) if (byAuthor.has(author)) suspects.add(suspect)
    return suspects
  }

  private forgetAuthor(author: number): void {
    for (const [suspect, byAuthor] of this.received) {
      byAuthor.delete(author)
      if (byAuthor.size === 0) this.received.delete(suspect)
    }
  }
}
