/**
 * From names to models: name -> ref -> manifest.
 *
 * A name that was not looked up for a while is asked of the origin; when that has no answer, of peers, which answer with what they know.
 * One look-up serves all who wait for it. A request does not wait for what is known already: it gets that at once, with its age, and
 * the look-up goes on behind. Only a name of which nothing is known is waited for, and then the peers are asked beside an origin that
 * takes long.
 */

import type { ModelId, NodeId } from '../../common/index.ts'
import type { Failure } from '../failure.ts'
import { type KnownRef, KnownRefs, type RefFacts } from './known-refs.ts'
import { Lookup } from './lookup.ts'
import { ManifestSearch, type SearchStep } from './manifest-search.ts'
import { Missing } from './missing.ts'
import { isAnswer } from './origin-answer.ts'
import {
  defaultNameMachineOptions,
  type NameEffect,
  type NameEvent,
  type NameMachineOptions,
  type NameMachinePorts,
  type NameWant,
} from './types.ts'
import { unknownManifest, unknownName } from './unknown.ts'

/** A question of which only the manifest is missing. */
interface ManifestWant<R> {
  readonly want: NameWant
  readonly name: string | null
  readonly known: KnownRef<R> | null
}

export class NameMachine<R = unknown> {
  private readonly ports: NameMachinePorts
  private readonly options: NameMachineOptions
  private readonly refs = new KnownRefs<R>()
  private readonly lookups = new Map<string, Lookup>()
  /** When the last look-up of a name ended, the oldest first: what had no answer is not asked for again with every request. */
  private readonly triedMs = new Map<string, number>()
  private readonly searches: ManifestSearch<ManifestWant<R>>
  private readonly missing: Missing
  /** Names that nodes have brought here and nobody has asked for yet, with the node. */
  private readonly handed = new Map<string, NodeId>()
  /** The last name that was asked for got no answer. */
  private isOriginAway = false
  private out: NameEffect<R>[] = []

  constructor(ports: NameMachinePorts, options: Partial<NameMachineOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultNameMachineOptions, ...options }
    this.searches = new ManifestSearch(ports.hasOrigin)
    this.missing = new Missing(this.options)
  }

  step(event: NameEvent<R>): readonly NameEffect<R>[] {
    this.out = []
    this.on(event)
    return this.out
  }

  /** What the name means as far as it is known, however long ago it was looked up. */
  known(name: string): RefFacts<R> | null {
    return this.refs.get(name)?.ref ?? null
  }

  /** What the name means if nobody has to be asked for anything. */
  answerNow(name: string, nowMs: number): ModelId | null {
    const known = this.refs.get(name)
    if (known === null || !this.isFresh(known, nowMs)) return null
    return this.ports.hasManifest(known.ref.manifest) ? known.ref.manifest : null
  }

  /** Every name that was resolved, with what it means. */
  *names(): Iterable<{ readonly name: string; readonly ref: RefFacts<R> }> {
    for (const [name, { ref }] of this.refs.entries()) yield { name, ref }
  }

  /** Look-ups and searches under way. */
  get openCount(): number {
    return this.lookups.size + this.searches.size
  }

  private on(event: NameEvent<R>): void {
    const { nowMs } = event
    switch (event.kind) {
      case 'found':
        this.refs.found(event.name, event.ref)
        return
      case 'resolve':
        this.resolve(event.want, event.name, event.isAtOnce, nowMs)
        return
      case 'look-up-behind':
        this.lookUpBehind(event.name, nowMs)
        return
      case 'origin-slow':
        this.onOriginSlow(event.name)
        return
      case 'resolve-digest':
        this.findManifest(event.model, { want: event.want, name: null, known: null }, nowMs)
        return
      case 'refresh':
        this.refresh(event.want, event.name)
        return
      case 'origin-ref':
        this.onOriginRef(event.name, event.ref, event.failure, nowMs)
        return
      case 'peer-refs':
        for (const { node, ref } of event.refs) this.learnFromPeer(event.name, node, ref, nowMs)
        this.onPeersAnswered(event.name, nowMs)
        return
      case 'ref-received':
        if (this.refs.get(event.name) !== null || this.mayHandOn(event.node, event.name))
          this.learnFromPeer(event.name, event.node, event.ref, nowMs)
        return
      case 'manifest':
        this.onSearch(event.model, this.searches.answered(event.model, event.place, event.isHere, event.failure), nowMs)
    }
  }

  private resolve(want: NameWant, name: string, isAtOnce: boolean, nowMs: number): void {
    this.handed.delete(name)
    const known = this.refs.get(name)
    const isFresh = known !== null && this.isFresh(known, nowMs)
    if (known !== null && (isFresh || this.isOriginAway || (isAtOnce && this.options.serveStale))) {
      if (!isFresh) this.lookUpBehind(name, nowMs)
      this.findManifest(known.ref.manifest, { want, name, known }, nowMs)
      return
    }
    const failure = known === null ? this.missing.failureOf(name, nowMs) : null
    if (failure !== null) {
      this.out.push({ kind: 'unresolved', want, failure })
      return
    }
    const lookup = this.lookUp(name)
    lookup.waiting.push(want)
    if (!lookup.hurry()) return
    if (this.isOriginAway) this.onOriginSlow(name)
    else this.out.push({ kind: 'time-origin', name, afterMs: this.options.originPatienceMs })
  }

  /** A node that leaves hands on what it knows. A member may make names up, so each may bring so many that nobody asked for here. */
  private mayHandOn(node: NodeId, name: string): boolean {
    if (this.handed.size >= this.options.handedMax) return false
    let count = 0
    for (const by of this.handed.values()) if (by === node) count += 1
    if (count >= this.options.handedPerNodeMax) return false
    this.handed.set(name, node)
    return true
  }

  private refresh(want: NameWant, name: string): void {
    const running = this.lookups.get(name)
    if (running === undefined) this.lookUp(name).refreshing.push(want)
    else running.refreshesAfter.push(want)
  }

  private lookUp(name: string): Lookup {
    const running = this.lookups.get(name)
    if (running !== undefined) return running
    const { hasOrigin } = this.ports
    const lookup = new Lookup(hasOrigin)
    this.lookups.set(name, lookup)
    this.out.push({ kind: hasOrigin ? 'ask-origin-ref' : 'ask-peers-ref', name })
    return lookup
  }

  private lookUpBehind(name: string, nowMs: number): void {
    const triedMs = this.triedMs.get(name) ?? Number.NEGATIVE_INFINITY
    if (nowMs - triedMs > this.options.freshMs) this.lookUp(name)
  }

  private onOriginSlow(name: string): void {
    if (this.lookups.get(name)?.askPeers() === true) this.out.push({ kind: 'ask-peers-ref', name })
  }

  private onOriginRef(name: string, ref: RefFacts<R> | null, failure: Failure | null, nowMs: number): void {
    this.isOriginAway = failure !== null && !isAnswer(failure)
    if (ref !== null) {
      this.learn(name, ref, true, nowMs)
      this.endLookup(name, nowMs)
      return
    }
    const lookup = this.lookups.get(name)
    if (lookup === undefined) return
    lookup.originHasNone(failure)
    if (lookup.isOver) this.endLookup(name, nowMs)
    else this.onOriginSlow(name)
  }

  private onPeersAnswered(name: string, nowMs: number): void {
    const lookup = this.lookups.get(name)
    if (lookup === undefined) return
    lookup.peersAnswered()
    if (lookup.isOver) this.endLookup(name, nowMs)
    else if (this.refs.get(name) !== null) this.answerWaiting(name, lookup, nowMs)
  }

  private endLookup(name: string, nowMs: number): void {
    const lookup = this.lookups.get(name)
    if (lookup === undefined) return
    this.lookups.delete(name)
    this.noteTried(name, nowMs)
    if (this.refs.get(name) === null) this.missing.note(name, this.whyUnknown(name, lookup), nowMs)
    this.answerWaiting(name, lookup, nowMs)
    const known = this.refs.get(name)
    for (const want of lookup.refreshing) {
      if (known === null) this.out.push({ kind: 'unresolved', want, failure: this.whyUnknown(name, lookup) })
      else {
        const unconfirmed = lookup.originFailure ?? (lookup.isAbsentAtOrigin ? this.absent(name) : null)
        this.out.push({ kind: 'refreshed', want, name, ref: known.ref, unconfirmed })
      }
    }
    for (const want of lookup.refreshesAfter) this.lookUp(name).refreshing.push(want)
  }

  private answerWaiting(name: string, lookup: Lookup, nowMs: number): void {
    const known = this.refs.get(name)
    for (const want of lookup.takeWaiting()) {
      if (known === null) this.out.push({ kind: 'unresolved', want, failure: this.whyUnknown(name, lookup) })
      else this.findManifest(known.ref.manifest, { want, name, known }, nowMs)
    }
  }

  private noteTried(name: string, nowMs: number): void {
    this.triedMs.delete(name)
    this.triedMs.set(name, nowMs)
    const oldest = this.triedMs.keys().next().value
    if (this.triedMs.size > this.options.triedMax && oldest !== undefined) this.triedMs.delete(oldest)
  }

  private learnFromPeer(name: string, node: NodeId, ref: RefFacts<R>, nowMs: number): void {
    if (this.refs.isForeign(name, ref)) {
      const why = `${name} is signed by another publisher than before.`
      this.out.push({ kind: 'bad-ref', name, node, why })
    } else this.learn(name, ref, false, nowMs)
  }

  private learn(name: string, ref: RefFacts<R>, isFromOrigin: boolean, nowMs: number): void {
    this.missing.forget(name)
    if (this.refs.learn(name, ref, isFromOrigin, nowMs)) this.out.push({ kind: 'keep-ref', name, ref })
  }

  private findManifest(model: ModelId, want: ManifestWant<R>, nowMs: number): void {
    if (this.ports.hasManifest(model)) {
      this.resolved(model, want, nowMs)
      return
    }
    const failure = this.missing.failureOf(model, nowMs)
    if (failure !== null) this.out.push({ kind: 'unresolved', want: want.want, failure })
    else this.onSearch(model, this.searches.want(model, want), nowMs)
  }

  private onSearch(model: ModelId, step: SearchStep<ManifestWant<R>> | null, nowMs: number): void {
    if (step === null) return
    if (step.kind === 'ask') this.out.push({ kind: 'ask-manifest', model, place: step.place })
    else if (step.kind === 'here') for (const want of step.wants) this.resolved(model, want, nowMs)
    else {
      const failure = step.failure ?? unknownManifest(model, this.ports.hasOrigin)
      this.missing.note(model, failure, nowMs)
      for (const { want } of step.wants) this.out.push({ kind: 'unresolved', want, failure })
    }
  }

  private resolved(model: ModelId, { want, name, known }: ManifestWant<R>, nowMs: number): void {
    const ageMs = known === null ? 0 : nowMs - known.checkedAtMs
    this.out.push({ kind: 'resolved', want, model, name, ref: known?.ref ?? null, ageMs })
  }

  private isFresh({ checkedAtMs }: KnownRef<R>, nowMs: number): boolean {
    return nowMs - checkedAtMs <= this.options.freshMs
  }

  private whyUnknown(name: string, { originFailure }: Lookup): Failure {
    return originFailure ?? unknownName(name, this.ports.hasOrigin)
  }

  private absent(name: string): Failure {
    return { code: 'UNKNOWN_MODEL', message: `The origin has no ${name}.` }
  }
}
