/** Whether a request that failed for want of a source had to be served. */
import type { World } from '../node/node-world.ts'
import type { SimNode } from '../node/sim-node.ts'
import type { SimModel } from '../world/models.ts'

/** A fetch asks a source that fails again and again for about nine seconds; a call is given up after one. */
const patienceMs = 15_000

/** The origin, or a holder that this node knows of, was there for so long that the request had to be served. */
export function couldServe(
  { origin, nodes, network, queue, interner }: World,
  node: SimNode,
  model: SimModel,
): boolean {
  if (origin.reachableFor(node.index, patienceMs)) return true
  const isSteady = (one: SimNode) => one.up && queue.nowMs - one.steadySinceMs >= patienceMs
  if (!isSteady(node)) return false
  return node.core.holders(model.id, queue.nowMs).some(({ node: id, suspected, draining }) => {
    const holder = nodes[interner.index(id)]!
    const isUsable = !suspected && !draining && isSteady(holder) && network.linked(node.index, holder.index)
    return isUsable && holder.holds(model) && !holder.chunks.byzantine
  })
}
