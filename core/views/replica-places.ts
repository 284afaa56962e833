/** Which nodes keep each pinned model, as this node sees the cluster. Computed again only when the nodes that count have changed. */

import { fastestTier, type NodeId } from '../../common/index.ts'
import { chooseReplicas, type PlacementMemory, type ReplicaNode } from '../../placement/index.ts'
import type { Interner } from '../cluster/interner.ts'
import type { Ledger } from '../cluster/ledger.ts'
import type { PinRecord, StateBody } from '../events.ts'

export interface ReplicaPlacesPorts {
  readonly ledger: Ledger
  readonly interner: Interner
  readonly selfIndex: number
  hashOf(index: number): number
  isAvoided(index: number, nowMs: number): boolean
  /** The newest of this node. */
  ownState(): StateBody | null
}

export class ReplicaPlaces {
  private readonly ports: ReplicaPlacesPorts
  private nodes: readonly ReplicaNode[] = []
  private fingerprint = ''
  private readonly chosen = new Map<string, readonly NodeId[]>()

  constructor(ports: ReplicaPlacesPorts) {
    this.ports = ports
  }

  /** A node that is about to stop keeps nothing; one that is not reachable does, until the grace time is over. */
  look(memory: PlacementMemory, graceMs: number, nowMs: number): void {
    const { ledger, interner, selfIndex, isAvoided, hashOf } = this.ports
    const all = ledger.nodes()
    memory.noteAbsent(
      all.filter((index) => index !== selfIndex && isAvoided(index, nowMs)).map((index) => interner.id(index)),
      nowMs,
    )
    const nodes: ReplicaNode[] = []
    const marks: string[] = []
    for (const index of all) {
      const state = index === selfIndex ? this.ports.ownState() : ledger.get('state', index)?.body
      const node = interner.id(index)
      if (state === undefined || state === null || state.draining) continue
      if (memory.absentForMs(node, nowMs) >= graceMs) continue
      const capacityBytes = Math.max(1, state.tiers[fastestTier].limitBytes ?? 0)
      nodes.push({ node, zone: state.zone, capacityBytes, nodeHash: hashOf(index) })
      marks.push(`${index} ${state.zone} ${capacityBytes}`)
    }
    const fingerprint = marks.join()
    if (fingerprint === this.fingerprint) return
    this.fingerprint = fingerprint
    this.nodes = nodes
    this.chosen.clear()
  }

  /** Of the nodes as they were at the last look. */
  of({ name, replicaCount }: PinRecord): readonly NodeId[] {
    const key = `${replicaCount} ${name}`
    const known = this.chosen.get(key)
    if (known !== undefined) return known
    const nodes = chooseReplicas(name, replicaCount, this.nodes)
    this.chosen.set(key, nodes)
    return nodes
  }
}
