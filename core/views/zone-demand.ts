/**
 * What the other nodes of the zone are asked for: summed up once per round of placement, from the demand that they gossip.
 *
 * In a zone of more than `nodesMax` nodes as many are looked at, the same ones by all that ask, and their sum stands for all.
 */

import { hashText, type ModelId, pairWeight } from '../../common/index.ts'
import type { Interner } from '../cluster/interner.ts'
import type { Ledger } from '../cluster/ledger.ts'

export interface ZoneDemandOptions {
  /** A look costs some 100 ns per node and model that it names. */
  readonly nodesMax: number
  /** As often as demand is published. */
  readonly freshMs: number
}

export const defaultZoneDemandOptions: ZoneDemandOptions = { nodesMax: 64, freshMs: 5_000 }

export interface ZoneDemandPorts {
  readonly interner: Interner
  readonly ledger: Ledger
  readonly selfIndex: number
  hashOf(index: number): number
  /** False of a node whose state is not known. */
  isSameZone(index: number): boolean
}

interface Wanted {
  ratePerS: number
  readonly nodes: number[]
}

export class ZoneDemand {
  private readonly ports: ZoneDemandPorts
  private readonly options: ZoneDemandOptions
  private readonly wanted = new Map<ModelId, Wanted>()
  private scale = 1
  private nodes: readonly number[] = []
  private atMs = Number.NEGATIVE_INFINITY

  constructor(ports: ZoneDemandPorts, options: ZoneDemandOptions = defaultZoneDemandOptions) {
    this.ports = ports
    this.options = options
  }

  ratePerS(model: ModelId, nowMs: number): number {
    this.refresh(nowMs)
    return (this.wanted.get(model)?.ratePerS ?? 0) * this.scale
  }

  /** The models that the zone wants most. */
  top(count: number, nowMs: number): ModelId[] {
    this.refresh(nowMs)
    return [...this.wanted]
      .sort(([a, { ratePerS: rateA }], [b, { ratePerS: rateB }]) => rateB - rateA || (a < b ? -1 : 1))
      .slice(0, count)
      .map(([model]) => model)
  }

  /** Nodes of the zone that come before this one in making a copy: those that are asked for it first, then by rendezvous. */
  turn(model: ModelId, wantsItself: boolean, nowMs: number): number {
    this.refresh(nowMs)
    const askers = this.wanted.get(model)?.nodes ?? []
    const modelHash = hashText(model)
    const own = pairWeight(modelHash, this.ports.hashOf(this.ports.selfIndex))
    const before = (nodes: readonly number[]): number => {
      let count = 0
      for (const index of nodes) if (pairWeight(modelHash, this.ports.hashOf(index)) > own) count += 1
      return count
    }
    if (wantsItself) return before(askers)
    return askers.length + before(this.nodes.filter((index) => !askers.includes(index)))
  }

  private refresh(nowMs: number): void {
    if (nowMs - this.atMs < this.options.freshMs) return
    this.atMs = nowMs
    this.wanted.clear()
    const { ledger, interner, selfIndex, isSameZone, hashOf } = this.ports
    let nodes = interner.inOrder().filter((index) => index !== selfIndex && isSameZone(index))
    const count = nodes.length
    if (count > this.options.nodesMax) {
      nodes = nodes.sort((a, b) => hashOf(a) - hashOf(b)).slice(0, this.options.nodesMax)
    }
    this.nodes = nodes
    this.scale = nodes.length === 0 ? 1 : count / nodes.length
    for (const index of nodes) {
      for (const { model, ratePerS } of ledger.get('demand', index)?.body.rates ?? []) {
        const known = this.wanted.get(model)
        if (known === undefined) this.wanted.set(model, { ratePerS, nodes: [index] })
        else {
          known.ratePerS += ratePerS
          known.nodes.push(index)
        }
      }
    }
  }
}
