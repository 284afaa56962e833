/**
 * Brings models into the memory of one simulated node, as node/cache does:
 *
 *   absent --fetch--> disk --derive--> disk --read--> memory --start--> ready        with a disk tier
 *   absent --fetch--> memory --derive--> memory --start--> ready                     without
 *
 * What the runtime runs is derived once from what was fetched, and lies on the disk beside it.
 *
 * One load serves all who wait for its model. It waits for room in line where there is none, and a model is never evicted
 * from any tier while it loads.
 */
import type { LocalTier, Source } from '../../common/index.ts'
import type { Failure } from '../../core/index.ts'
import type { SimModel } from '../world/models.ts'
import type { World } from './node-world.ts'
import type { SimNode } from './sim-node.ts'
import type { Tier } from './tier.ts'

const memoryFull: Failure = { code: 'MEMORY_FULL', message: 'the memory has no room' }
const diskFull: Failure = { code: 'DISK_FULL', message: 'the disk has no room' }
const noSource: Failure = { code: 'NO_SOURCE', message: 'nobody could deliver the bytes' }

interface Load {
  readonly model: SimModel
  /** Told from where most of the bytes came, or why the model cannot be had. */
  readonly waiters: ((outcome: Source | Failure) => void)[]
  /** Of those for whom the model is only copied. */
  readonly ends: ((failure: Failure | null) => void)[]
  source: Source
  isFetching: boolean
  /** False for a copy that only is to lie on disk; who joins with a request changes that. */
  isForMemory: boolean
}

export interface LoaderPorts {
  readonly memory: Tier
  /** Null without a disk tier. */
  readonly disk: Tier | null
}

export class Loader {
  /** Begun and not ended. */
  readonly loads = new Map<SimModel, Load>()
  private readonly world: World
  private readonly node: SimNode
  private readonly memory: Tier
  private readonly disk: Tier | null
  /** The first is being read. */
  private readonly reads: Load[] = []
  /** Of these the form that the runtime runs is here too. */
  private readonly derived = new Set<SimModel>()
  /** So many times slower than it should be. */
  diskSlowness = 1

  constructor(world: World, node: SimNode, { memory, disk }: LoaderPorts) {
    this.world = world
    this.node = node
    this.memory = memory
    this.disk = disk
  }

  isLoading(model: SimModel): boolean {
    return this.loads.has(model)
  }

  /** Joins or begins; told of the failure at once, and nothing has begun, when there is no room now. */
  load(model: SimModel, end: (outcome: Source | Failure) => void): void {
    if (this.join(model, end)) return
    const tier = this.firstTier(model)
    if (tier.tryReserve(model)) this.proceed(this.add(model, end, true), tier)
    else end(tier === this.memory ? memoryFull : diskFull)
  }

  isFetching(model: SimModel): boolean {
    return this.loads.get(model)?.isFetching === true
  }

  /** Copies the model here for later, to disk first where there is one. What the policy lets go makes the room. */
  copy(model: SimModel, to: LocalTier, end: (failure: Failure | null) => void): void {
    if (this.node.isReady(model) || (to === 'disk' && this.node.holds(model))) {
      end(null)
      return
    }
    const running = this.loads.get(model)
    if (running !== undefined) {
      running.ends.push(end)
      return
    }
    const tier = this.firstTier(model)
    if (!tier.tryReserve(model)) {
      end(tier === this.memory ? memoryFull : diskFull)
      return
    }
    const load = this.add(model, null, to === 'memory' || tier === this.memory)
    load.ends.push(end)
    this.proceed(load, tier)
  }

  fetched(model: SimModel, source: 'peer' | 'origin'): void {
    const load = this.loads.get(model)
    if (load === undefined) return
    load.source = source
    load.isFetching = false
    if (this.memory.isReserved(model)) {
      this.whenDerived(load, () => this.start(load))
      return
    }
    this.disk!.settle(model)
    this.node.announce()
    if (load.isForMemory) this.whenDerived(load, () => this.memory.whenReserved(model, () => this.readFromDisk(load)))
    else {
      this.loads.delete(model)
      for (const end of load.ends) end(null)
      this.node.retryRooms()
    }
  }

  /** By a life before this run. */
  wasDerived(model: SimModel): void {
    this.derived.add(model)
  }

  /** The model is in no tier any more. */
  gone(model: SimModel): void {
    this.derived.delete(model)
  }

  fetchFailed(model: SimModel): void {
    const load = this.loads.get(model)
    if (load !== undefined) this.fail(load)
  }

  /** Nobody hears the end of what was under way. */
  crash(): void {
    for (const load of this.loads.values()) if (load.isFetching) this.node.chunks.drop(load.model)
    this.loads.clear()
    this.reads.length = 0
  }

  private join(model: SimModel, end: (outcome: Source | Failure) => void): boolean {
    const load = this.loads.get(model)
    if (load === undefined) return false
    load.waiters.push(end)
    load.isForMemory = true
    return true
  }

  /** Where the bytes come first. */
  private firstTier(model: SimModel): Tier {
    const { disk, memory } = this
    return disk === null || !disk.fits(model) || disk.has(model) ? memory : disk
  }

  private add(model: SimModel, end: ((outcome: Source | Failure) => void) | null, isForMemory: boolean): Load {
    const load: Load = {
      model,
      waiters: end === null ? [] : [end],
      ends: [],
      source: 'disk',
      isFetching: false,
      isForMemory,
    }
    this.loads.set(model, load)
    return load
  }

  /** The room is taken. */
  private proceed(load: Load, tier: Tier): void {
    const { model } = load
    if (this.disk?.has(model) === true && tier === this.memory) {
      this.whenDerived(load, () => this.readFromDisk(load))
      return
    }
    load.isFetching = true
    this.node.chunks.begin(model)
    this.node.startFetch(model, load.waiters.length === 0 ? 'placement' : 'request')
  }

  /** One after another, as they come: together they would not be faster. */
  private readFromDisk(load: Load): void {
    this.reads.push(load)
    if (this.reads.length === 1) this.readNext()
  }

  private readNext(): void {
    const { queue, metrics } = this.world
    const load = this.reads[0]
    if (load === undefined) return
    const { sizeBytes } = load.model
    if (metrics.isCounted(queue.nowMs)) metrics.diskReadBytes += sizeBytes
    this.node.later(this.node.diskMs(sizeBytes) * this.diskSlowness, () => {
      this.reads.shift()
      this.start(load)
      this.readNext()
    })
  }

  private whenDerived({ model }: Load, then: () => void): void {
    const end = (): void => {
      this.derived.add(model)
      then()
    }
    if (model.deriveMs === 0 || this.derived.has(model)) end()
    else this.node.later(model.deriveMs, end)
  }

  private start(load: Load): void {
    this.node.later(load.model.initMs, () => this.ready(load))
  }

  private ready(load: Load): void {
    const { model } = load
    this.loads.delete(model)
    this.memory.settle(model)
    this.node.becameReady(model)
    for (const waiter of load.waiters) waiter(load.source)
    for (const end of load.ends) end(null)
    this.node.announce()
    this.node.retryRooms()
  }

  private fail(load: Load): void {
    const { model } = load
    this.loads.delete(model)
    this.memory.giveBack(model)
    this.disk?.giveBack(model)
    this.node.chunks.drop(model)
    for (const waiter of load.waiters) waiter(noSource)
    for (const end of load.ends) end(noSource)
    this.node.announce()
    this.node.retryRooms()
  }
}
