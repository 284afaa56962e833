/**
 * From names to manifests on one simulated node, as node/models/model-directory.ts does it: a tag that was not looked up for a while
 * is asked of the origin, and a manifest that is not known here of the nearest holder, or of the origin when there is none. One
 * look-up serves all who wait for it. While the origin is away nobody waits for what is known already; what is not is
 * asked of the nearest peers at once, of which one knows it.
 */
import type { SimModel } from '../world/models.ts'
import type { World } from './node-world.ts'
import type { SimNode } from './sim-node.ts'

/** As in the daemon's PeerDirectoryOptions. */
const refPeersMax = 8

export class Directory {
  private readonly world: World
  private readonly node: SimNode
  private readonly freshMs: number
  private readonly checkedAtMs = new Map<SimModel, number>()
  private readonly manifests = new Set<SimModel>()
  private readonly waiters = new Map<SimModel, (() => void)[]>()

  constructor(world: World, node: SimNode) {
    this.world = world
    this.node = node
    this.freshMs = world.scenario.names.freshS * 1_000
  }

  /** Nothing has to be asked of anybody. */
  knows(model: SimModel): boolean {
    return this.isFresh(model) && this.manifests.has(model)
  }

  /** Not told when the node crashes before. */
  resolve(model: SimModel, then: () => void): void {
    const waiters = this.waiters.get(model)
    if (waiters !== undefined) {
      waiters.push(then)
      return
    }
    this.waiters.set(model, [then])
    this.lookUpRef(model, () =>
      this.lookUpManifest(model, () => {
        const told = this.waiters.get(model) ?? []
        this.waiters.delete(model)
        for (const waiter of told) waiter()
      }),
    )
  }

  /** What was learned is on disk; tags are looked up again. */
  crash(): void {
    this.waiters.clear()
    this.checkedAtMs.clear()
  }

  private isFresh(model: SimModel): boolean {
    const atMs = this.checkedAtMs.get(model)
    return atMs !== undefined && this.world.queue.nowMs - atMs <= this.freshMs
  }

  private lookUpRef(model: SimModel, then: () => void): void {
    if (this.isFresh(model)) {
      then()
      return
    }
    this.world.origin.getRecord(
      this.node.index,
      this.unlessCrashed((isThere) => {
        const known = this.checkedAtMs.has(model)
        this.checkedAtMs.set(model, this.world.queue.nowMs)
        if (isThere || known) then()
        else this.node.later(this.peersMs(), then)
      }),
    )
  }

  private lookUpManifest(model: SimModel, then: () => void): void {
    const learn = (): void => {
      this.manifests.add(model)
      then()
    }
    if (this.manifests.has(model)) {
      then()
      return
    }
    const holderMs = this.nearestHolderMs(model)
    if (holderMs !== null) this.node.later(holderMs, learn)
    else this.world.origin.getRecord(this.node.index, this.unlessCrashed(learn))
  }

  /** Round trip to the nearest node that is believed to have the model. */
  private nearestHolderMs(model: SimModel): number | null {
    const { queue, interner } = this.world
    const holders = this.node.core.holders(model.id, queue.nowMs).filter(({ suspected }) => !suspected)
    const trips = holders.map(({ node }) => this.roundTripMs(interner.index(node)))
    return trips.length === 0 ? null : Math.min(...trips)
  }

  /** All are asked at once and the last answer is waited for. */
  private peersMs(): number {
    const { network } = this.world
    const trips = network.peersOf(this.node.index).map((peer) => this.roundTripMs(peer))
    return Math.max(0, ...trips.sort((a, b) => a - b).slice(0, refPeersMax))
  }

  private roundTripMs(other: number): number {
    return 2 * this.world.topology.oneWayMs(this.node.index, other)
  }

  private unlessCrashed<T extends unknown[]>(run: (...values: T) => void): (...values: T) => void {
    const { epoch } = this.node
    return (...values) => {
      if (this.node.up && this.node.epoch === epoch) run(...values)
    }
  }
}
