/**
 * From names to models on one simulated node: whom to ask and what to believe is the daemon's machine, a question takes the time of its
 * way. What was learned is on disk, and outlives a crash.
 */

import type { ModelId, NodeId } from '../../common/index.ts'
import {
  defaultPeerQuestionOptions,
  type Failure,
  type Interner,
  type ManifestPlace,
  type NameEffect,
  type NameEvent,
  NameMachine,
  type NameWant,
  type NodeCore,
  nearestHolders,
  nearestPeers,
  type RefFacts,
  StepQueue,
  type Timeless,
} from '../../core/index.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'
import type { Revisions } from '../world/revisions.ts'
import type { SimOrigin } from '../world/sim-origin.ts'
import { type Caller, type CallWorld, call } from './call.ts'

type Ref = RefFacts<null>
/** null when nobody who can be reached knows the name, or has the manifest. */
type Then = (model: SimModel | null) => void

/** Another node, as one that is asked for names and manifests. */
export interface DirectoryPeer {
  readonly up: boolean
  /** Null where requests need no names. */
  readonly directory: Directory | null
}

export interface DirectoryNode extends DirectoryPeer, Caller {
  readonly epoch: number
  readonly core: Pick<NodeCore, 'holders' | 'members'>
  holds(model: SimModel): boolean
  note(text: string): void
}

export interface DirectoryWorld extends CallWorld<DirectoryPeer> {
  readonly queue: EventQueue
  readonly origin: SimOrigin
  readonly interner: Interner
  readonly ids: readonly NodeId[]
  readonly byId: ReadonlyMap<ModelId, SimModel>
  readonly revisions: Revisions
}

const originIsAway: Failure = { code: 'ORIGIN_UNAVAILABLE', message: 'the origin does not answer' }
const { refPeersMax, manifestPeersMax, timeoutMs } = defaultPeerQuestionOptions

export class Directory {
  private readonly world: DirectoryWorld
  private readonly node: DirectoryNode
  private readonly manifests = new Set<ModelId>()
  private readonly waiting = new Map<NameWant, Then>()
  private machine: NameMachine<null>
  private queue: StepQueue<Timeless<NameEvent<null>>, NameEffect<null>>
  private nextWant: NameWant = 1

  constructor(world: DirectoryWorld, node: DirectoryNode) {
    this.world = world
    this.node = node
    this.machine = this.createMachine()
    this.queue = this.createQueue()
  }

  /** What the name means, if nobody has to be asked of anything. */
  answerNow(name: SimModel): SimModel | null {
    const model = this.machine.answerNow(name.id, this.world.queue.nowMs)
    return model === null ? null : this.modelOf(model)
  }

  /** `then` is not called when the node crashes before. */
  resolve(name: SimModel, then: Then): void {
    this.ask(then, (want) => ({ kind: 'resolve', want, name: name.id, isAtOnce: false }))
  }

  /** The same for requests: what is known is answered at once, and looked up behind. */
  resolveAtOnce(name: SimModel, then: Then): void {
    this.ask(then, (want) => ({ kind: 'resolve', want, name: name.id, isAtOnce: true }))
  }

  resolveDigest(model: SimModel, then: Then): void {
    this.ask(then, (want) => ({ kind: 'resolve-digest', want, model: model.id }))
  }

  /** Another node tells what the name means, without having been asked. */
  hear(node: NodeId, name: string, ref: Ref): void {
    this.queue.dispatch({ kind: 'ref-received', node, name, ref })
  }

  /** What the name means as far as it is known, however long ago it was looked up. */
  known(name: string): Ref | null {
    return this.machine.known(name)
  }

  *names(): Iterable<{ readonly name: string; readonly model: ModelId }> {
    for (const { name, ref } of this.machine.names()) yield { name, model: ref.manifest }
  }

  /** What has the files has the manifest. */
  hasManifest(id: ModelId): boolean {
    return this.manifests.has(id) || this.node.holds(this.modelOf(id))
  }

  crash(): void {
    const kept = [...this.machine.names()]
    this.waiting.clear()
    this.machine = this.createMachine()
    this.queue = this.createQueue()
    for (const { name, ref } of kept) this.queue.dispatch({ kind: 'found', name, ref })
  }

  private createMachine(): NameMachine<null> {
    const freshMs = this.world.scenario.names.freshS * 1_000
    const hasManifest = (model: ModelId) => this.hasManifest(model)
    return new NameMachine<null>({ hasManifest, hasOrigin: true }, { freshMs })
  }

  private createQueue(): StepQueue<Timeless<NameEvent<null>>, NameEffect<null>> {
    const { machine, world } = this
    return new StepQueue(
      (event) => machine.step({ ...event, nowMs: world.queue.nowMs }),
      (effect) => this.execute(effect),
    )
  }

  private ask(then: Then, event: (want: NameWant) => Timeless<NameEvent<null>>): void {
    const want = this.nextWant
    this.nextWant += 1
    this.waiting.set(want, then)
    this.queue.dispatch(event(want))
  }

  private execute(effect: NameEffect<null>): void {
    switch (effect.kind) {
      case 'ask-origin-ref':
        this.askOrigin(effect.name)
        return
      case 'time-origin':
        this.node.later(effect.afterMs, () => this.queue.dispatch({ kind: 'origin-slow', name: effect.name }))
        return
      case 'ask-peers-ref':
        this.askPeers(effect.name)
        return
      case 'ask-manifest':
        this.askManifest(effect.model, effect.place)
        return
      case 'resolved':
        this.answer(effect.want, this.modelOf(effect.model))
        return
      case 'unresolved':
        this.answer(effect.want, null)
        return
      case 'bad-ref':
        this.node.note(`${effect.node} sent a bad ref: ${effect.why}`)
        return
      case 'keep-ref':
      case 'refreshed':
      // The machine keeps what it learns, and that of the next life is told.
    }
  }

  private answer(want: NameWant, model: SimModel | null): void {
    const then = this.waiting.get(want)
    this.waiting.delete(want)
    then?.(model)
  }

  private askOrigin(name: string): void {
    const { world, node } = this
    world.origin.getRecord(
      node.index,
      this.unlessCrashed((isThere) => {
        const ref = isThere ? world.revisions.ref(this.modelOf(name)) : null
        this.queue.dispatch({ kind: 'origin-ref', name, ref, failure: isThere ? null : originIsAway })
      }),
    )
  }

  /** All are asked at once and the last answer is waited for. */
  private askPeers(name: string): void {
    const peers = this.peers().slice(0, refPeersMax)
    const refs: { node: string; ref: Ref }[] = []
    let openCount = peers.length
    const answered = (): void => {
      if (openCount === 0) this.queue.dispatch({ kind: 'peer-refs', name, refs })
    }
    for (const peer of peers) {
      const ask = (other: DirectoryPeer, answer: (ref: Ref | null) => void) =>
        answer(other.directory?.known(name) ?? null)
      call(this.world, this.node, peer, { timeoutMs, silence: null, ask }, (ref) => {
        if (ref !== null) refs.push({ node: this.world.ids[peer]!, ref })
        openCount -= 1
        answered()
      })
    }
    answered()
  }

  private askManifest(model: ModelId, place: ManifestPlace): void {
    const found = (isHere: boolean, failure: Failure | null = null): void => {
      if (isHere) this.manifests.add(model)
      this.queue.dispatch({ kind: 'manifest', model, place, isHere, failure })
    }
    switch (place) {
      case 'here':
        found(false)
        return
      case 'origin':
        this.world.origin.getRecord(
          this.node.index,
          this.unlessCrashed((isThere) => found(isThere, isThere ? null : originIsAway)),
        )
        return
      case 'holders':
        this.askInTurn(model, this.holders(model).slice(0, manifestPeersMax), found)
        return
      case 'others': {
        const holders = new Set(this.holders(model))
        const others = this.peers().filter((peer) => !holders.has(peer))
        this.askInTurn(model, others.slice(0, manifestPeersMax), found)
      }
    }
  }

  private askInTurn(model: ModelId, [first, ...rest]: readonly number[], found: (isHere: boolean) => void): void {
    if (first === undefined) {
      found(false)
      return
    }
    const ask = (other: DirectoryPeer, answer: (isThere: boolean) => void) =>
      answer(other.directory?.hasManifest(model) === true)
    call(this.world, this.node, first, { timeoutMs, silence: false, ask }, (isThere) => {
      if (isThere) found(true)
      else this.askInTurn(model, rest, found)
    })
  }

  private peers(): number[] {
    const { queue, interner } = this.world
    return nearestPeers(this.node.core, queue.nowMs).map((node) => interner.index(node))
  }

  private holders(model: ModelId): number[] {
    const { queue, interner } = this.world
    return nearestHolders(this.node.core, model, queue.nowMs).map(({ node }) => interner.index(node))
  }

  private modelOf(id: string): SimModel {
    return this.world.byId.get(id)!
  }

  private unlessCrashed<T>(run: (value: T) => void): (value: T) => void {
    const { epoch } = this.node
    return (value) => {
      if (this.node.up && this.node.epoch === epoch) run(value)
    }
  }
}
