/** What requests ask of the links of a simulated cluster: counted when a node wants a model that it does not have, once until it has it. */
import type { SimModel } from '../world/models.ts'

interface HoldingNode {
  readonly up: boolean
  holds(model: SimModel): boolean
}

export class OfferedBytes {
  /** By node. */
  readonly byNode: Float64Array
  /** Of models that no node had when they were first wanted. */
  originBytes = 0
  private readonly fromOrigin = new Set<number>()
  private readonly nodes: readonly HoldingNode[]

  /** @param nodes may be added until the first request comes. */
  constructor(nodes: readonly HoldingNode[], nodeCount: number) {
    this.nodes = nodes
    this.byNode = new Float64Array(nodeCount)
  }

  wanted(node: number, model: SimModel): void {
    this.byNode[node]! += model.sizeBytes
    if (this.fromOrigin.has(model.index) || this.nodes.some((one) => one.up && one.holds(model))) return
    this.fromOrigin.add(model.index)
    this.originBytes += model.sizeBytes
  }
}
