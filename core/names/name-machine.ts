/**
 * From names to models: name -> ref -> manifest.
 *
 * A name that was not looked up for a while is asked of the origin; when that has no answer, of peers, which answer with what they know.
 * One look-up serves all who wait for it. While the origin is away nobody waits for what is known already: the look-up goes on
 * behind, and tells when the origin is back.
 */

import type { ModelId, NodeId } from '../../common/index.ts'
import type { Failure } from '../failure.ts'
import { type KnownRef, KnownRefs, type RefFacts } from './known-refs.ts'
import { ManifestSearch, type SearchStep } from './manifest-search.ts'
import {
  defaultNameMachineOptions,
  type NameEffect,
  type NameEvent,
  type NameMachineOptions,
  type NameMachinePorts,
  type NameWant,
} from './types.ts'

interface Lookup {
  readonly wants: { readonly want: NameWant; readonly isRefresh: boolean }[]
  /** They wait for another look-up: this one may have read the old ref. */
  readonly refreshes: NameWant[]
  originFailure: Failure | null
  isAbsentAtOrigin: boolean
}

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
  private readonly searches: ManifestSearch<ManifestWant<R>>
  /** The last name that was asked for got no answer. */
  private isOriginAway = false
  private out: NameEffect<R>[] = []

  constructor(ports: NameMachinePorts, options: NameMachineOptions = defaultNameMachineOptions) {
    this.ports = ports
    this.options = options
    this.searches = new ManifestSearch(ports.hasOrigin)
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
        this.resolve(event.want, event.name, nowMs)
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
        this.endLookup(event.name, nowMs)
        return
      case 'ref-received':
        this.learnFromPeer(event.name, event.node, event.ref, nowMs)
        return
      case 'manifest':
        this.onSearch(event.model, this.searches.answered(event.model, event.place, event.isHere, event.failure), nowMs)
    }
  }

  private resolve(want: NameWant, name: string, nowMs: number): void {
    const known = this.refs.get(name)
    if (known !== null && (this.isFresh(known, nowMs) || this.isOriginAway)) {
      if (!this.isFresh(known, nowMs)) this.lookUp(name)
      this.findManifest(known.ref.manifest, { want, name, known }, nowMs)
      return
    }
    this.lookUp(name).wants.push({ want, isRefresh: false })
  }

  private refresh(want: NameWant, name: string): void {
    const running = this.lookups.get(name)
    if (running === undefined) this.lookUp(name).wants.push({ want, isRefresh: true })
    else running.refreshes.push(want)
  }

  private lookUp(name: string): Lookup {
    const running = this.lookups.get(name)
    if (running !== undefined) return running
    const lookup: Lookup = { wants: [], refreshes: [], originFailure: null, isAbsentAtOrigin: false }
    this.lookups.set(name, lookup)
    this.out.push({ kind: this.ports.hasOrigin ? 'ask-origin-ref' : 'ask-peers-ref', name })
    return lookup
  }

  private onOriginRef(name: string, ref: RefFacts<R> | null, failure: Failure | null, nowMs: number): void {
    this.isOriginAway = failure !== null
    const lookup = this.lookups.get(name)
    if (ref !== null) {
      this.learn(name, ref, true, nowMs)
      this.endLookup(name, nowMs)
    } else if (lookup !== undefined) {
      lookup.originFailure = failure
      lookup.isAbsentAtOrigin = failure === null
      this.out.push({ kind: 'ask-peers-ref', name })
    }
  }

  private endLookup(name: string, nowMs: number): void {
    const lookup = this.lookups.get(name)
    if (lookup === undefined) return
    this.lookups.delete(name)
    const known = this.refs.get(name)
    for (const { want, isRefresh } of lookup.wants) {
      if (known === null)
        this.out.push({ kind: 'unresolved', want, failure: lookup.originFailure ?? this.unknown(name) })
      else if (isRefresh) {
        const unconfirmed = lookup.originFailure ?? (lookup.isAbsentAtOrigin ? this.absent(name) : null)
        this.out.push({ kind: 'refreshed', want, name, ref: known.ref, unconfirmed })
      } else this.findManifest(known.ref.manifest, { want, name, known }, nowMs)
    }
    for (const want of lookup.refreshes) this.lookUp(name).wants.push({ want, isRefresh: true })
  }

  private learnFromPeer(name: string, node: NodeId, ref: RefFacts<R>, nowMs: number): void {
    if (this.refs.isForeign(name, ref)) {
      const why = `${name} is signed by another publisher than before.`
      this.out.push({ kind: 'bad-ref', name, node, why })
    } else this.learn(name, ref, false, nowMs)
  }

  private learn(name: string, ref: RefFacts<R>, isFromOrigin: boolean, nowMs: number): void {
    if (this.refs.learn(name, ref, isFromOrigin, nowMs)) this.out.push({ kind: 'keep-ref', name, ref })
  }

  private findManifest(model: ModelId, want: ManifestWant<R>, nowMs: number): void {
    if (this.ports.hasManifest(model)) this.resolved(model, want, nowMs)
    else this.onSearch(model, this.searches.want(model, want), nowMs)
  }

  private onSearch(model: ModelId, step: SearchStep<ManifestWant<R>> | null, nowMs: number): void {
    if (step === null) return
    if (step.kind === 'ask') this.out.push({ kind: 'ask-manifest', model, place: step.place })
    else if (step.kind === 'here') for (const want of step.wants) this.resolved(model, want, nowMs)
    else {
      const failure = step.failure ?? this.noManifest(model)
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

  private unknown(name: string): Failure {
    const hint = this.ports.hasOrigin ? '; `holdfast ls` shows what the origin has' : ''
    return { code: 'UNKNOWN_MODEL', message: `${this.allAsked()} knows ${name}${hint}.` }
  }

  private absent(name: string): Failure {
    return { code: 'UNKNOWN_MODEL', message: `The origin has no ${name}.` }
  }

  private noManifest(model: ModelId): Failure {
    return { code: 'UNKNOWN_MODEL', message: `${this.allAsked()} has the manifest sha256:${model}.` }
  }

  /** For messages: a node without an origin knows only what its peers know. */
  private allAsked(): string {
    return this.ports.hasOrigin
      ? 'No reachable origin or peer'
      : 'This node has no origin (origin.url), and no reachable peer'
  }
}
