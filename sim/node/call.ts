/** A call between two simulated nodes: a question that takes its way, and an answer that takes its way back. */

import type { Network } from '../network/network.ts'
import type { Topology } from '../network/topology.ts'
import type { Scenario } from '../scenario/scenario.ts'

export interface Caller {
  readonly index: number
  /** After the delay, unless the node crashes before. */
  later(delayMs: number, run: () => void): void
}

export interface CallWorld<N extends { readonly up: boolean }> {
  readonly scenario: Scenario
  readonly topology: Topology
  readonly network: Network
  readonly nodes: readonly N[]
}

export interface Question<N, T> {
  readonly timeoutMs: number
  /** What counts as the answer of a node that does not answer. */
  readonly silence: T
  readonly ask: (other: N, answer: (value: T) => void) => void
}

/** `then` is not called when the asking node crashes before. */
export function call<N extends { readonly up: boolean }, T>(
  world: CallWorld<N>,
  node: Caller,
  to: number,
  { timeoutMs, silence, ask }: Question<N, T>,
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
