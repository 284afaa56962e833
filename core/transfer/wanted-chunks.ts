/**
 * The chunks that a fetch still has to ask for, in the order in which to ask, in groups that are decided alike: where the first of a
 * group cannot be had now, none of it can. A step of a fetch then looks at one chunk of each group, however many are wanted.
 *
 * Chunks of which a source said that it lacks them are decided one by one, and those of which somebody said "not yet" stand apart until
 * their wait is over.
 */
import { assertInvariant, type Sha256 } from '../../common/index.ts'
import type { ChunkState } from './chunk-state.ts'
import { originKey, type SourceKey } from './source-stats.ts'

/** Of a chunk that is decided like others: the only source that it could be asked of, or `anySource`. */
export type GroupOf = (state: ChunkState) => SourceKey

/** No id of a node. */
export const anySource: SourceKey = '*'

const oneGroup: GroupOf = () => anySource

export class WantedChunks {
  private readonly ranks = new Map<Sha256, number>()
  private lastRank = 0
  private signature = ''
  private groupOf: GroupOf = oneGroup
  private readonly groups = new Map<SourceKey, Ranked>()
  private readonly apart = new Ranked()
  private readonly waiting = new Ranked()
  /** Waiting chunks, sorted by the end of their wait. */
  private readonly due: ChunkState[] = []

  get size(): number {
    return this.ranks.size
  }

  /** All are decided in groups. */
  get areAlike(): boolean {
    return this.apart.states.length === 0
  }

  /** The first that is decided on its own; none when all are alike. */
  firstApart(): ChunkState[] {
    return this.apart.states.slice(0, 1)
  }

  has(sha256: Sha256): boolean {
    return this.ranks.has(sha256)
  }

  /** To the end of the order. */
  add(state: ChunkState): void {
    assertInvariant(!this.ranks.has(state.chunk.sha256), 'a chunk is wanted once')
    this.lastRank += 1
    this.ranks.set(state.chunk.sha256, this.lastRank)
    this.place(state)
  }

  delete(state: ChunkState): void {
    const rank = this.ranks.get(state.chunk.sha256)
    if (rank === undefined) return
    this.displace(state, rank)
    this.ranks.delete(state.chunk.sha256)
  }

  /** Runs `change` on the chunk, and moves the chunk to the group that it belongs to afterwards. */
  change(state: ChunkState, change: () => void): void {
    const rank = this.ranks.get(state.chunk.sha256)
    if (rank !== undefined) this.displace(state, rank)
    change()
    if (rank !== undefined) this.place(state)
  }

  /** @param signature of all that `groupOf` depends on besides the chunk. */
  regroup(signature: string, groupOf: GroupOf): void {
    if (signature === this.signature) return
    this.signature = signature
    this.groupOf = groupOf
    const states = this.inOrder()
    this.groups.clear()
    this.apart.clear()
    this.waiting.clear()
    this.due.length = 0
    for (const state of states) this.place(state)
  }

  /**
   * One of each group, all that stand apart, and the first of those that wait: in the order in which to ask.
   *
   * @param isOpen false of a source that cannot be asked of anything now.
   */
  candidates(isOpen: (source: SourceKey) => boolean, nowMs: number): ChunkState[] {
    for (let first = this.due[0]; first !== undefined && first.askAgainAtMs <= nowMs; first = this.due[0]) {
      this.due.shift()
      this.waiting.delete(first, this.ranks.get(first.chunk.sha256)!)
      this.group(this.groupOf(first)).add(first, this.ranks.get(first.chunk.sha256)!)
    }
    const found = [...this.apart.states]
    for (const [source, { states }] of this.groups) {
      if (states.length > 0 && (source === anySource || isOpen(source))) found.push(states[0]!)
    }
    if (this.waiting.states.length > 0) found.push(this.waiting.states[0]!)
    return found.length < 2 ? found : found.sort((a, b) => this.rankOf(a) - this.rankOf(b))
  }

  /** The first of all grouped and waiting chunks, and every chunk that stands apart: for questions that ignore groups and waits. */
  distinct(): ChunkState[] {
    const found = [...this.apart.states]
    const others = [...this.groups.values(), this.waiting].flatMap(({ states }) => states.slice(0, 1))
    if (others.length > 0) found.push(others.reduce((a, b) => (this.rankOf(a) < this.rankOf(b) ? a : b)))
    return found.sort((a, b) => this.rankOf(a) - this.rankOf(b))
  }

  /** Some of the first, in no strict order. */
  firstOf(count: number): ChunkState[] {
    const found: ChunkState[] = []
    for (const { states } of [this.apart, ...this.groups.values(), this.waiting]) {
      for (let at = 0; at < states.length && found.length < count; at += 1) found.push(states[at]!)
    }
    return found
  }

  inOrder(): ChunkState[] {
    const all = [this.apart, this.waiting, ...this.groups.values()].flatMap(({ states }) => states)
    return all.sort((a, b) => this.rankOf(a) - this.rankOf(b))
  }

  private place(state: ChunkState): void {
    const rank = this.rankOf(state)
    const source = this.groupOf(state)
    if (state.barred.size > 0) this.apart.add(state, rank)
    // What other nodes do not have yet says nothing of the origin.
    else if (source !== originKey && state.askAgainAtMs > Number.NEGATIVE_INFINITY) {
      this.waiting.add(state, rank)
      const at = firstAt(this.due.length, (place) => this.due[place]!.askAgainAtMs > state.askAgainAtMs)
      this.due.splice(at, 0, state)
    } else this.group(source).add(state, rank)
  }

  private displace(state: ChunkState, rank: number): void {
    if (this.apart.delete(state, rank) || this.group(this.groupOf(state)).delete(state, rank)) return
    this.waiting.delete(state, rank)
    this.due.splice(this.due.indexOf(state), 1)
  }

  private group(source: SourceKey): Ranked {
    const known = this.groups.get(source)
    if (known !== undefined) return known
    const group = new Ranked()
    this.groups.set(source, group)
    return group
  }

  private rankOf(state: ChunkState): number {
    return this.ranks.get(state.chunk.sha256)!
  }
}

/** Chunks by rank. */
class Ranked {
  readonly states: ChunkState[] = []
  private readonly ranks: number[] = []

  /** Nearly always to the end. */
  add(state: ChunkState, rank: number): void {
    const at = firstAt(this.ranks.length, (place) => this.ranks[place]! > rank)
    this.states.splice(at, 0, state)
    this.ranks.splice(at, 0, rank)
  }

  /** False when it is not here. */
  delete(state: ChunkState, rank: number): boolean {
    const at = firstAt(this.ranks.length, (place) => this.ranks[place]! >= rank)
    if (this.states[at] !== state) return false
    this.states.splice(at, 1)
    this.ranks.splice(at, 1)
    return true
  }

  clear(): void {
    this.states.length = 0
    this.ranks.length = 0
  }
}

/** The first place below `end` from which on `isPast` holds; `end` when it holds nowhere. */
function firstAt(end: number, isPast: (place: number) => boolean): number {
  if (end === 0 || !isPast(end - 1)) return end
  let [low, high] = [0, end - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isPast(middle)) high = middle
    else low = middle + 1
  }
  return low
}
