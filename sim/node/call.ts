/** A call between two simulated nodes: a question that takes its way, and an answer that takes its way back. */

import type { World } from './node-world.ts'
import type { SimNode } from './sim-node.ts'

export interface Question<T> {
  readonly timeoutMs: number
  /** What counts as the answer of a node that does not answer. */
  readonly silence: T
  readonly ask: (other: SimNode, answer: (value: T) => void) => void
}

/** `then` is not called when the asking node crashes before. */
export function call<T>(
  world: World,
  node: SimNode,
  to: number,
  { timeoutMs, silence, ask }: Question<T>,
  then: (value: T) => void,
): void {
  const other = world.nodes[to]!
  const oneWayMs = world.topology.oneWayMs(node.index, to)
  const waitMs = Math.min(timeoutMs, world.scenario.network.callTimeoutMs)
  if (!world.network.linked(node.index, to)) {
    node.later(waitMs, () => then(silence))
    return
  }
  node.later(oneWayMs, () => {
    if (other.up) ask(other, (value) => node.later(oneWayMs, () => then(value)))
    else node.later(Math.max(0, waitMs - oneWayMs), () => then(silence))
  })
}
