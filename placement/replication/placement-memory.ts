/**
 * What placement remembers from round to round, so that it does not go round in circles: since when models are here, which left
 * a moment ago, for which copies the node waits its turn, and since when other nodes cannot be reached.
 */

import type { ModelId, NodeId } from '../../common/index.ts'
import type { PlacementDecision } from './placement-view.ts'

export class PlacementMemory {
  private readonly settleMs: number
  private readonly sinceMs = new Map<ModelId, number>()
  private readonly goneAtMs = new Map<ModelId, number>()
  private readonly waited = new Map<ModelId, number>()
  private readonly absentSinceMs = new Map<NodeId, number>()
  private isNew = true

  /** @param settleMs what left longer ago than this need not be remembered. */
  constructor({ settleMs }: { readonly settleMs: number }) {
    this.settleMs = settleMs
  }

  /** The models that are in the tier for which copies are made. What is there at the first look counts as having been for long. */
  noteHeld(models: Iterable<ModelId>, nowMs: number): void {
    const held = new Set(models)
    for (const model of this.sinceMs.keys()) {
      if (held.has(model)) continue
      this.sinceMs.delete(model)
      this.goneAtMs.set(model, nowMs)
    }
    for (const model of held) {
      if (!this.sinceMs.has(model)) this.sinceMs.set(model, this.isNew ? Number.NEGATIVE_INFINITY : nowMs)
    }
    this.isNew = false
    for (const [model, atMs] of this.goneAtMs) {
      if (held.has(model) || nowMs - atMs >= this.settleMs) this.goneAtMs.delete(model)
    }
  }

  /** Nodes that are known and cannot be used now. */
  noteAbsent(nodes: Iterable<NodeId>, nowMs: number): void {
    const absent = new Set(nodes)
    for (const node of this.absentSinceMs.keys()) if (!absent.has(node)) this.absentSinceMs.delete(node)
    for (const node of absent) if (!this.absentSinceMs.has(node)) this.absentSinceMs.set(node, nowMs)
  }

  /** A round was decided and is carried out. A copy that waits for its turn is one round nearer to it. */
  noteRound(decisions: readonly PlacementDecision[]): void {
    const waiting = new Set<ModelId>()
    for (const { model, reason } of decisions) if (reason === 'not-my-turn' && model !== null) waiting.add(model)
    for (const model of this.waited.keys()) if (!waiting.has(model)) this.waited.delete(model)
    for (const model of waiting) this.waited.set(model, this.waitedRounds(model) + 1)
  }

  heldForMs(model: ModelId, nowMs: number): number {
    const sinceMs = this.sinceMs.get(model)
    return sinceMs === undefined ? Number.POSITIVE_INFINITY : nowMs - sinceMs
  }

  goneForMs(model: ModelId, nowMs: number): number {
    const atMs = this.goneAtMs.get(model)
    return atMs === undefined ? Number.POSITIVE_INFINITY : nowMs - atMs
  }

  waitedRounds(model: ModelId): number {
    return this.waited.get(model) ?? 0
  }

  /** 0 for a node that can be used. */
  absentForMs(node: NodeId, nowMs: number): number {
    const sinceMs = this.absentSinceMs.get(node)
    return sinceMs === undefined ? 0 : nowMs - sinceMs
  }
}
