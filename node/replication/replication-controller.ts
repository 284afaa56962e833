/**
 * Carries out what placement/ decides: looks from time to time, brings what this node should have, and lets go what it should not.
 * Each node decides for itself, and drawn delays keep nodes that started together apart.
 */

import type { ModelId, Prng } from '../../common/index.ts'
import type { NodeCore } from '../../core/index.ts'
import { type PlacementDecision, PlacementMemory, type PlacementOptions, planPlacement } from '../../placement/index.ts'
import type { ResolvedModel } from '../models/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { ClusterPins } from './cluster-pins.ts'
import { RevisionWatch } from './revision-watch.ts'
import type { LocalModels, PlacementCache } from './types.ts'

export interface ReplicationControllerPorts {
  readonly core: Pick<NodeCore, 'placementView'>
  readonly board: ClusterPins
  readonly local: () => LocalModels
  /** What the names that this node knows mean. */
  readonly names: () => Iterable<{ readonly name: string; readonly model: ModelId }>
  readonly resolveDigest: (model: ModelId) => Promise<ResolvedModel>
  readonly cache: PlacementCache
  /** False while the node starts or looks for its cluster: alone it would take every replica for its own. */
  readonly isReady: () => boolean
  readonly onActed: (decision: PlacementDecision) => void
  readonly random: Prng
  readonly clock: Clock
  readonly log: Log
}

export interface ReplicationControllerOptions {
  /** False: nothing is copied, prefetched or shed for demand; what is pinned is still kept. */
  readonly replication: boolean
  /** Between two rounds. Gossip of demand takes 5 s, and a copy seconds to minutes. */
  readonly intervalMs: number
  /** How often pins that were changed elsewhere are looked for: a version is compared. */
  readonly newsMs: number
  /** Share of the interval that is drawn, in percent. */
  readonly jitterPercent: number
  readonly placement: PlacementOptions
}

export class ReplicationController {
  private readonly ports: ReplicationControllerPorts
  private readonly options: ReplicationControllerOptions
  private readonly memory: PlacementMemory
  private readonly revisions = new RevisionWatch()
  /** Copies under way that this replication began. */
  private readonly running = new Map<ModelId, Promise<void>>()
  private readonly stops: (() => void)[] = []
  private stopTimer: (() => void) | null = null

  constructor(ports: ReplicationControllerPorts, options: ReplicationControllerOptions) {
    this.ports = ports
    this.options = options
    this.memory = new PlacementMemory(options.placement)
  }

  start(): void {
    const { board, clock } = this.ports
    board.listen(() => this.round())
    // From the first moment what is pinned is protected, before anything is known of the others.
    this.plan()
    this.stops.push(
      clock.every(this.options.newsMs, () => {
        if (board.hasNews) this.round()
      }),
    )
    this.wait()
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop()
    this.stopTimer?.()
    this.stopTimer = null
  }

  private wait(): void {
    const spanMs = Math.floor((this.options.intervalMs * this.options.jitterPercent) / 100)
    const waitMs = this.options.intervalMs - this.ports.random.int(spanMs + 1)
    this.stopTimer = this.ports.clock.after(waitMs, () => {
      this.round()
      this.wait()
    })
  }

  /** What would be decided now. Nothing is done. */
  plan(): PlacementDecision[] {
    const local = this.ports.local()
    const arriving = [...new Set([...local.arriving, ...this.running.keys()])]
    const held = new Set(local.held.map(({ model }) => model))
    const replaced = this.revisions.look(this.ports.names(), held)
    const { board, core, clock } = this.ports
    const { placement, replication } = this.options
    const view = core.placementView(
      { ...local, arriving, replaced, resolvePin: (name) => board.resolvePin(name) },
      this.memory,
      placement.graceMs,
      clock.nowMs(),
    )
    board.noteView(view.pins)
    const copiesMax = Math.max(0, placement.copiesMax - this.running.size)
    const decisions = planPlacement(view, { ...placement, copiesMax })
    return replication ? decisions : decisions.filter(({ kind, name }) => kind === 'keep' || name !== undefined)
  }

  round(): void {
    if (!this.ports.isReady()) return
    const decisions = this.plan()
    this.ports.board.look()
    this.memory.noteRound(decisions)
    for (const decision of decisions) {
      const { kind, model } = decision
      if (kind === 'shed' && model !== null) void this.shed(decision, model)
      if ((kind === 'copy' || kind === 'prefetch') && model !== null && !this.running.has(model)) {
        const copy = this.copy(decision, model).finally(() => this.running.delete(model))
        this.running.set(model, copy)
      }
    }
  }

  /** Waits for copies under way. */
  async settled(): Promise<void> {
    await Promise.all(this.running.values())
  }

  private async copy(decision: PlacementDecision, model: ModelId): Promise<void> {
    const { board, cache, log, resolveDigest } = this.ports
    const { kind, tier, reason, name, parts } = decision
    log.info({ model, name, tier, reason, ...parts }, `placement: ${kind}`)
    this.ports.onActed(decision)
    try {
      const pinned = name === undefined ? null : board.resolvedPin(name)
      await cache.bring(pinned ?? (await resolveDigest(model)), tier)
      if (name !== undefined) board.noteFailure(name, null)
      // A pin protects what came, from now on.
      this.plan()
    } catch (error) {
      const { message } = error as Error
      if (name !== undefined) board.noteFailure(name, message)
      log.warn({ model, name, error: message }, `placement: the ${kind} failed`)
    }
  }

  private async shed(decision: PlacementDecision, model: ModelId): Promise<void> {
    const { cache, log } = this.ports
    const { tier, reason, parts } = decision
    try {
      if (!(await cache.leave(model, tier))) return
      log.info({ model, tier, reason, ...parts }, 'placement: shed')
      this.ports.onActed(decision)
    } catch (error) {
      log.warn({ model, error: (error as Error).message }, 'placement: a model could not be shed')
    }
  }
}
