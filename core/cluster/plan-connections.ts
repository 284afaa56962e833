/**
 * Whom to be connected with, and whom not any more, with a reason for each node (the manner of lodestar's `prioritizePeers`).
 *
 * Wanted are the neighbours on the rings. One that cannot be used now is passed over for the next on its ring, for which it is a
 * connection beyond its own neighbours. Such spare connections, and those opened for a call, stay until there are too many: then those
 * go that have carried no call for longest. Both ends know from the rings that it was spare, and hold its end against nobody.
 */
import type { NodeId } from '../../common/index.ts'
import { type ConnectionRings, defaultConnectionRingsOptions, type Neighbourhood } from './connection-rings.ts'
import { compareIds } from './interner.ts'

/** Why a member is passed over. One that is connected all the same counts as usable. */
export type Unusable = 'distrusted' | 'no-address' | 'backing-off' | Doubtful
/**
 * Passed over, and yet dialled, the last of all: its last dial failed and a pause is over, or it is suspected. After the network was
 * cut each side suspects the other until one reaches it.
 */
type Doubtful = 'suspected' | 'unreached'

export interface ConnectionsView {
  readonly self: NodeId
  /** All members that the node knows, itself included. */
  readonly rings: ConnectionRings
  /** How long each open connection has carried no call, in milliseconds; 0 while there is one. */
  readonly connected: ReadonlyMap<NodeId, number>
  readonly unusable: ReadonlyMap<NodeId, Unusable>
}

export type ConnectionReason = Neighbourhood | Unusable | 'spare' | 'excess'

export interface ConnectionPlan {
  /** The first ones first. */
  readonly connect: readonly NodeId[]
  readonly disconnect: readonly NodeId[]
  /** Of every node that is wanted, connected, or was passed over. */
  readonly reasons: ReadonlyMap<NodeId, ConnectionReason>
}

export interface ConnectionPlanOptions {
  /** Above this, spare connections are closed. Half more than the neighbours aimed at, so that it takes a storm of calls to get there. */
  readonly connectionsMax: number
  /** A connection with a call under way, or that had one this short ago, is never closed. */
  readonly idleMs: number
}

export const defaultConnectionPlanOptions: ConnectionPlanOptions = {
  connectionsMax: 1.5 * defaultConnectionRingsOptions.aim,
  idleMs: 30_000,
}

export function planConnections(
  { self, rings, connected, unusable }: ConnectionsView,
  options: ConnectionPlanOptions = defaultConnectionPlanOptions,
): ConnectionPlan {
  const reasons = new Map<NodeId, ConnectionReason>()
  const probes = new Set<NodeId>()
  const wanted = rings.neighbours(self, (node) => {
    const why = connected.has(node) ? undefined : unusable.get(node)
    if (why !== undefined) reasons.set(node, why)
    if (why === 'suspected' || why === 'unreached') probes.add(node)
    return why === undefined
  })
  const connect: NodeId[] = []
  for (const [node, neighbourhood] of wanted) {
    reasons.set(node, neighbourhood)
    if (!connected.has(node)) connect.push(node)
  }
  const spare = [...connected].filter(([node]) => !wanted.has(node))
  for (const [node] of spare) reasons.set(node, 'spare')
  const excessCount = Math.max(0, connected.size + connect.length - options.connectionsMax)
  const disconnect =
    excessCount === 0
      ? []
      : spare
          // A node that is not known yet has only just come.
          .filter(([node, idleMs]) => rings.has(node) && idleMs >= options.idleMs)
          .sort(([a, aIdleMs], [b, bIdleMs]) => bIdleMs - aIdleMs || compareIds(a, b))
          .slice(0, excessCount)
          .map(([node]) => node)
  for (const node of disconnect) reasons.set(node, 'excess')
  return { connect: [...connect, ...probes], disconnect, reasons }
}
