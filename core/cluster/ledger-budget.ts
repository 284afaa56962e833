/**
 * The bytes that the entries of other nodes may take here. A member can invent nodes, each with as many models as an entry takes, and
 * nobody can tell them from real ones far away: so the largest give way first, and never a node that this one was connected to.
 */
import type { SignedEntry } from '../events.ts'
import { entryBytes } from './entry-size.ts'

export function sizeBytesOf(signed: SignedEntry): number {
  return signed.envelope?.byteLength ?? entryBytes(signed.entry)
}

export class LedgerBudget {
  private readonly limitBytes: number
  private readonly byNode = new Map<number, number>()
  /** Connected to this node, now or before. */
  private readonly met = new Set<number>()
  private sumBytes = 0

  /** @param limitBytes of entries as they travel; in memory they take about five times as much. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.sumBytes
  }

  /** So full that entries of nodes never heard of are not asked for. */
  get isFull(): boolean {
    return this.sumBytes > this.limitBytes - this.limitBytes / 16
  }

  hasMet(index: number): boolean {
    return this.met.has(index)
  }

  meet(index: number): void {
    this.met.add(index)
  }

  add(index: number, deltaBytes: number): void {
    this.sumBytes += deltaBytes
    this.byNode.set(index, (this.byNode.get(index) ?? 0) + deltaBytes)
  }

  drop(index: number): void {
    this.sumBytes -= this.byNode.get(index) ?? 0
    this.byNode.delete(index)
  }

  /** The nodes that give way when this one takes so much more; null when it is this one that has no room. */
  displacedBy(index: number, moreBytes: number): readonly number[] | null {
    let overBytes = this.sumBytes + moreBytes - this.limitBytes
    if (overBytes <= 0) return nobody
    const wantedBytes = this.hasMet(index) ? 0 : (this.byNode.get(index) ?? 0) + moreBytes
    const larger = [...this.byNode].filter(([other, sizeBytes]) => {
      return other !== index && !this.met.has(other) && sizeBytes > wantedBytes
    })
    const displaced: number[] = []
    for (const [other, sizeBytes] of larger.sort((a, b) => b[1] - a[1])) {
      displaced.push(other)
      overBytes -= sizeBytes
      if (overBytes <= 0) return displaced
    }
    return null
  }

  /** Of all that were never met, for one that was and finds no place; null where all were. */
  largestStranger(): number | null {
    let [largest, mostBytes] = [null as number | null, -1]
    for (const [index, sizeBytes] of this.byNode) {
      if (this.met.has(index) || sizeBytes <= mostBytes) continue
      largest = index
      mostBytes = sizeBytes
    }
    return largest
  }
}

const nobody: readonly number[] = []
