/**
 * Which nodes keep a model that the cluster keeps on k of them: a pure function of the name and the nodes, so that every node
 * finds by itself whether it is one.
 *
 * Within a zone nodes are ranked by weighted rendezvous hashing. The best of all zones come first, by score, then all second ones,
 * and the first k are taken: copies lie in as many zones as there are, and a node that joins or leaves changes at most one of the
 * k places of a model. So of M equal nodes in zones of like size, 1/M of the bytes move with one of them.
 */

import { hashText, type NodeId, weightedScore, type Zone } from '../../common/index.ts'
import { compareIds } from '../cost/cost.ts'

export interface ReplicaNode {
  readonly node: NodeId
  readonly zone: Zone
  /** Its share of the models is in proportion to this. 0: it takes none. */
  readonly capacityBytes: number
  /** hashText(node), where the caller keeps it. */
  readonly nodeHash?: number
}

interface Ranked {
  readonly node: NodeId
  readonly zone: Zone
  readonly score: number
}

/** The chosen nodes, best first; all that may take it when there are fewer than wanted. */
export function chooseReplicas(key: string, replicaCount: number, nodes: readonly ReplicaNode[]): NodeId[] {
  const keyHash = hashText(key)
  const ranked: Ranked[] = []
  for (const { node, zone, capacityBytes, nodeHash } of nodes) {
    if (!(capacityBytes > 0)) continue
    ranked.push({ node, zone, score: weightedScore(keyHash, nodeHash ?? hashText(node), capacityBytes) })
  }
  ranked.sort(byScore)
  const placeInZone = new Map<Zone, number>()
  const rounds: Ranked[][] = []
  for (const one of ranked) {
    const place = placeInZone.get(one.zone) ?? 0
    // Deeper than k in its zone it cannot be among the first k.
    if (place >= replicaCount) continue
    placeInZone.set(one.zone, place + 1)
    rounds[place] ??= []
    rounds[place].push(one)
  }
  return rounds
    .flat()
    .slice(0, replicaCount)
    .map(({ node }) => node)
}

function byScore(left: Ranked, right: Ranked): number {
  return right.score - left.score || compareIds(left.node, right.node)
}
