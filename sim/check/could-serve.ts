/** Whether a request that failed for want of a source had to be served. */
import type { Interner, NodeCore } from '../../core/index.ts'
import type { Network } from '../network/network.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'
import type { SimOrigin } from '../world/sim-origin.ts'

/** A node as somebody who could have served. */
export interface ServingNode {
  readonly index: number
  readonly up: boolean
  /** Since when nothing happened to it or to its links from outside. */
  readonly steadySinceMs: number
  readonly core: Pick<NodeCore, 'holders'>
  readonly chunks: { readonly byzantine: boolean }
  holds(model: SimModel): boolean
}

interface ServingWorld {
  readonly origin: SimOrigin
  readonly nodes: readonly ServingNode[]
  readonly network: Network
  readonly queue: EventQueue
  readonly interner: Interner
}

/** A fetch asks a source that fails again and again for about nine seconds; a call is given up after one. */
const patienceMs = 15_000

/** The origin, or a holder that this node knows of, was there for so long that the request had to be served. */
export function couldServe(
  { origin, nodes, network, queue, interner }: ServingWorld,
  node: ServingNode,
  model: SimModel,
): boolean {
  if (origin.reachableFor(node.index, patienceMs)) return true
  const isSteady = (one: ServingNode) => one.up && queue.nowMs - one.steadySinceMs >= patienceMs
  if (!isSteady(node)) return false
  return node.core.holders(model.id, queue.nowMs).some(({ node: id, suspected, draining }) => {
    const holder = nodes[interner.index(id)]!
    const isUsable = !suspected && !draining && isSteady(holder) && network.linked(node.index, holder.index)
    return isUsable && holder.holds(model) && !holder.chunks.byzantine
  })
}
