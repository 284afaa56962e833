/**
 * From names to manifests: `namespace/name:tag` -> ref -> manifest. Whom to ask, and what to believe, is decided in core/names; here is
 * asked, checked and kept.
 *
 * A ref's signature and a manifest's digest are checked whatever their source. What was learned is kept over restarts, so that a node
 * that comes back without its origin still knows what its blobs are.
 */

import { type HoldfastError, isHoldfastError, type ModelId, type NodeId } from '../../common/index.ts'
import {
  errorOf,
  type Failure,
  failureOf,
  isAnswer,
  type ManifestPlace,
  type NameEffect,
  type NameEvent,
  NameMachine,
  type NameWant,
  type RefFacts,
  StepQueue,
  type Timeless,
} from '../../core/index.ts'
import {
  defaultManifestLimits,
  encodeRef,
  formatModelName,
  isVariant,
  type Manifest,
  type ManifestLimits,
  type ModelName,
  parseModelName,
  parseRef,
  type Ref,
  readManifest,
} from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { ModelGuard } from './model-guard.ts'

/** The part of the origin that names need; bounds its own waits. "Not there" is null; anything else that goes wrong is a HoldfastError. */
export interface DirectoryOrigin {
  readRef(name: ModelName): Promise<Ref | null>
  readManifestBytes(digest: ModelId): Promise<Uint8Array | null>
}

/** Asks peers: the answers are unchecked bytes. */
export interface DirectoryPeers {
  refs(name: ModelName): Promise<{ node: NodeId; bytes: Uint8Array }[]>
  /** Nodes that are believed to have the model; or those of which nobody has heard that yet. */
  manifests(digest: ModelId, of: 'holders' | 'others'): AsyncIterable<{ node: NodeId; bytes: Uint8Array }>
}

export interface DirectoryPorts {
  readonly origin: DirectoryOrigin | null
  readonly peers: DirectoryPeers
  readonly state: StateStore
  readonly clock: Clock
  readonly log: Log
}

export interface DirectoryOptions {
  /** A tag that was looked up less than this ago is not looked up again. */
  readonly freshMs: number
  /** A tag or manifest that nobody had less than this ago is not looked for again. */
  readonly missingMs?: number
  /** Requests get what is known of a tag at once; false: they wait until it was looked up. */
  readonly serveStale?: boolean
  /** An origin that takes longer, while a request waits, has peers asked beside it. */
  readonly originPatienceMs?: number
  /** Are names open to some and not to others just now? Then no name may mean a model that came by the name of another publisher. */
  readonly guardsModels?: () => boolean
  /** Limits of manifests. */
  readonly manifestLimits?: ManifestLimits
  /** Manifests kept in memory; the rest is read from the state store. */
  readonly manifestsMax: number
}

export interface ResolvedModel {
  readonly digest: ModelId
  readonly manifest: Manifest
  /** Null when the model was named by its digest. */
  readonly ref: Ref | null
  /** Since the ref was last confirmed by the origin or, failing that, learned from a peer. */
  readonly ageMs: number
}

export interface RefreshedRef {
  readonly ref: Ref
  /** Why the origin has not said so itself; null when it has, or when there is none. */
  readonly unconfirmed: Failure | null
}

type Effect = NameEffect<Ref>

export class ModelDirectory {
  private readonly ports: DirectoryPorts
  private readonly options: DirectoryOptions
  private readonly machine: NameMachine<Ref>
  private readonly queue: StepQueue<Timeless<NameEvent<Ref>>, Effect>
  private readonly manifests = new Map<ModelId, Manifest>()
  /** Why manifests of the origin cannot be used. */
  private readonly refusedManifests = new Map<ModelId, HoldfastError>()
  private readonly resolving = new Map<NameWant, PromiseWithResolvers<ResolvedModel>>()
  private readonly refreshing = new Map<NameWant, PromiseWithResolvers<RefreshedRef>>()
  /** By name: the last write of its ref. */
  private readonly saves = new Map<string, Promise<void>>()
  /** It learns at all times, so that it knows whose a model is when a namespace becomes private. */
  private readonly guard: ModelGuard
  private nextWant: NameWant = 1
  private originAwaySince: number | null = null

  constructor(ports: DirectoryPorts, options: DirectoryOptions) {
    this.ports = ports
    this.options = options
    this.guard = new ModelGuard(ports)
    const hasManifest = (model: ModelId) => this.manifests.has(model)
    this.machine = new NameMachine({ hasManifest, hasOrigin: ports.origin !== null }, options)
    this.queue = new StepQueue(
      (event) => this.machine.step({ ...event, nowMs: ports.clock.nowMs() }),
      (effect) => this.execute(effect),
    )
  }

  /** Reads back what the state store kept. Refs count as unconfirmed until the origin or a peer is asked again. */
  async start(): Promise<void> {
    await this.guard.start()
    for await (const [key, value] of this.ports.state.entries('ref/')) {
      const name = key.slice('ref/'.length)
      try {
        const ref = parseRef(Buffer.from(String(value)), parseModelName(name))
        this.guard.found(ref)
        this.queue.dispatch({ kind: 'found', name, ref: factsOf(ref) })
      } catch (error) {
        this.ports.log.warn({ key, error: (error as Error).message }, 'a damaged ref in the state folder is left out')
      }
    }
  }

  /**
   * As the origin has it now, or had it up to `freshMs` ago. UNKNOWN_MODEL when nobody reachable knows the name; ORIGIN_UNAVAILABLE when
   * only the origin could know.
   */
  resolve(name: ModelName): Promise<ResolvedModel> {
    return this.resolveName(name, false)
  }

  /** The same for requests: what is known is answered at once, however old it is, and looked up behind. */
  resolveAtOnce(name: ModelName): Promise<ResolvedModel> {
    return this.resolveName(name, true)
  }

  /** Looks the tag up for the requests to come, unless that was done less than `freshMs` ago. */
  lookUpBehind(name: ModelName): void {
    this.queue.dispatch({ kind: 'look-up-behind', name: formatModelName(name) })
  }

  resolveDigest(digest: ModelId): Promise<ResolvedModel> {
    return this.ask(this.resolving, (want) => ({ kind: 'resolve-digest', want, model: digest }))
  }

  /** The manifest if this node knows it already, without asking anybody. */
  async knownManifest(digest: ModelId): Promise<Manifest | null> {
    const cached = this.manifests.get(digest)
    if (cached !== undefined) return cached
    const stored = await this.ports.state.get(`manifest/${digest}`)
    if (typeof stored !== 'string') return null
    try {
      return this.remember(digest, await this.read(digest, Buffer.from(stored)))
    } catch (error) {
      this.ports.log.warn({ digest, error: (error as Error).message }, 'a damaged manifest in the state folder')
      return null
    }
  }

  knownRef(name: ModelName): Ref | null {
    return this.machine.known(formatModelName(name))?.record ?? null
  }

  /** Since when the origin has not answered for a tag, in milliseconds since 1970; null while it does. */
  get originAwaySinceMs(): number | null {
    return this.originAwaySince
  }

  /** Every name this node has resolved, with the manifest it means; not those that must not mean it. */
  knownNames(): { name: string; ref: Ref }[] {
    const all = [...this.machine.names()].map(({ name, ref }) => ({ name, ref: ref.record }))
    return this.isGuarded() ? all.filter(({ ref }) => !this.guard.isForeign(ref)) : all
  }

  /** Digests of all manifests kept here. */
  async *knownDigests(): AsyncIterable<ModelId> {
    for await (const [key] of this.ports.state.entries('manifest/')) yield key.slice('manifest/'.length)
  }

  /** Looks the tag up again, however fresh it is. A lookup that had begun before may have read the old one, so it does not count. */
  refresh(name: ModelName): Promise<RefreshedRef> {
    return this.ask(this.refreshing, (want) => ({ kind: 'refresh', want, name: formatModelName(name) }))
  }

  /** A peer tells of a ref without having been asked; it is checked, and taken only when it is newer. */
  async receiveRef(node: NodeId, name: ModelName, bytes: Uint8Array): Promise<void> {
    const ref = this.checked(node, name, bytes)
    if (ref === null) return
    const text = formatModelName(name)
    this.queue.dispatch({ kind: 'ref-received', name: text, node, ref })
    await this.saves.get(text)
  }

  private resolveName(name: ModelName, isAtOnce: boolean): Promise<ResolvedModel> {
    return this.ask(this.resolving, (want) => ({ kind: 'resolve', want, name: formatModelName(name), isAtOnce }))
  }

  private ask<T>(
    asked: Map<NameWant, PromiseWithResolvers<T>>,
    event: (want: NameWant) => Timeless<NameEvent<Ref>>,
  ): Promise<T> {
    const want = this.nextWant
    this.nextWant += 1
    const answer = Promise.withResolvers<T>()
    asked.set(want, answer)
    this.queue.dispatch(event(want))
    return answer.promise
  }

  private execute(effect: Effect): void {
    switch (effect.kind) {
      case 'ask-origin-ref':
        void this.askOrigin(effect.name)
        return
      case 'time-origin':
        this.ports.clock.after(effect.afterMs, () => this.queue.dispatch({ kind: 'origin-slow', name: effect.name }))
        return
      case 'ask-peers-ref':
        void this.askPeers(effect.name)
        return
      case 'ask-manifest':
        void this.askManifest(effect.model, effect.place)
        return
      case 'keep-ref':
        this.keepRef(effect.name, effect.ref.record)
        return
      case 'resolved': {
        const { want, name, model, ref, ageMs } = effect
        const manifest = this.manifests.get(model)!
        if (name !== null && isVariant(manifest)) {
          const message = `${name} means a manifest that takes its bytes from another model; push the model again.`
          this.reject(want, { code: 'BAD_MANIFEST', message })
          return
        }
        if (name !== null && ref !== null && !this.mayMean(name, ref.record)) {
          const message = `${name} means a model of another publisher; have it pushed with the key of that one.`
          this.reject(want, { code: 'UNAUTHORIZED', message })
          return
        }
        const resolved = { digest: model, manifest, ref: ref?.record ?? null, ageMs }
        this.settle(this.resolving, want, name, resolved)
        return
      }
      case 'refreshed':
        this.settle(this.refreshing, effect.want, effect.name, {
          ref: effect.ref.record,
          unconfirmed: effect.unconfirmed,
        })
        return
      case 'unresolved':
        this.reject(effect.want, effect.failure)
        return
      case 'bad-ref':
        this.ports.log.warn({ node: effect.node, error: effect.why }, 'a peer sent a bad ref')
    }
  }

  /** An answer waits until what it rests on is on disk. */
  private settle<T>(
    asked: Map<NameWant, PromiseWithResolvers<T>>,
    want: NameWant,
    name: string | null,
    value: T,
  ): void {
    const answer = asked.get(want)!
    asked.delete(want)
    const saved = name === null ? undefined : this.saves.get(name)
    if (saved === undefined) answer.resolve(value)
    else saved.then(() => answer.resolve(value), answer.reject)
  }

  private reject(want: NameWant, failure: Failure): void {
    for (const asked of [this.resolving, this.refreshing]) {
      asked.get(want)?.reject(errorOf(failure))
      asked.delete(want)
    }
  }

  private async askOrigin(name: string): Promise<void> {
    try {
      const ref = await this.ports.origin!.readRef(parseModelName(name))
      this.originAnswers(true)
      this.queue.dispatch({ kind: 'origin-ref', name, ref: ref === null ? null : factsOf(ref), failure: null })
    } catch (error) {
      const failure = failureOf(error)
      this.originAnswers(isAnswer(failure))
      this.ports.log.warn(
        { name, code: failure.code, error: failure.message },
        'the origin has no usable answer for a tag; peers are asked',
      )
      this.queue.dispatch({ kind: 'origin-ref', name, ref: null, failure })
    }
  }

  private originAnswers(doesIt: boolean): void {
    const { clock, log } = this.ports
    if (doesIt && this.originAwaySince !== null) {
      log.info({ awayS: Math.round((clock.wallMs() - this.originAwaySince) / 1000) }, 'the origin answers again')
    }
    this.originAwaySince = doesIt ? null : (this.originAwaySince ?? clock.wallMs())
  }

  private async askPeers(text: string): Promise<void> {
    const name = parseModelName(text)
    const answers = await this.ports.peers.refs(name).catch((error: Error) => {
      this.ports.log.error({ name: text, error: error.stack }, 'peers could not be asked for a tag')
      return []
    })
    const refs = answers.flatMap(({ node, bytes }) => {
      const ref = this.checked(node, name, bytes)
      return ref === null ? [] : [{ node, ref }]
    })
    this.queue.dispatch({ kind: 'peer-refs', name: text, refs })
  }

  /** Null for a ref that is malformed or badly signed. */
  private checked(node: NodeId, name: ModelName, bytes: Uint8Array): RefFacts<Ref> | null {
    try {
      return factsOf(parseRef(bytes, name))
    } catch (error) {
      this.ports.log.warn({ node, error: (error as Error).message }, 'a peer sent a bad ref')
      return null
    }
  }

  private async askManifest(model: ModelId, place: ManifestPlace): Promise<void> {
    try {
      const isHere = await this.findManifest(model, place)
      this.queue.dispatch({ kind: 'manifest', model, place, isHere, failure: null })
    } catch (error) {
      this.queue.dispatch({ kind: 'manifest', model, place, isHere: false, failure: failureOf(error) })
    }
  }

  private async findManifest(model: ModelId, place: ManifestPlace): Promise<boolean> {
    switch (place) {
      case 'here':
        return (await this.knownManifest(model)) !== null
      case 'origin': {
        const refused = this.refusedManifests.get(model)
        if (refused !== undefined) throw refused
        try {
          const bytes = await this.ports.origin!.readManifestBytes(model)
          if (bytes !== null) await this.keepManifest(model, bytes)
          return bytes !== null
        } catch (error) {
          this.noteRefused(model, error)
          throw error
        }
      }
      case 'holders':
      case 'others':
        return this.manifestFromPeers(model, place)
    }
  }

  /** Bytes that have this digest are no better the next time, and may be a hundred megabytes. */
  private noteRefused(model: ModelId, error: unknown): void {
    if (!isHoldfastError(error, 'BAD_MANIFEST')) return
    this.refusedManifests.set(model, error)
    const oldest = this.refusedManifests.keys().next().value
    if (this.refusedManifests.size > this.options.manifestsMax && oldest !== undefined)
      this.refusedManifests.delete(oldest)
  }

  private async manifestFromPeers(digest: ModelId, of: 'holders' | 'others'): Promise<boolean> {
    for await (const { node, bytes } of this.ports.peers.manifests(digest, of)) {
      try {
        await this.keepManifest(digest, bytes)
        return true
      } catch (error) {
        this.ports.log.warn({ node, error: (error as Error).message }, 'a peer sent a bad manifest')
      }
    }
    return false
  }

  private isGuarded(): boolean {
    return this.options.guardsModels?.() ?? false
  }

  private mayMean(name: string, ref: Ref): boolean {
    const writes = this.guard.admit(ref)
    if (writes === null) return !this.isGuarded()
    if (writes.length > 0) this.keep(name, Promise.all([this.saves.get(name), ...writes]))
    return true
  }

  private keepRef(name: string, ref: Ref): void {
    this.keep(name, this.save(`ref/${name}`, encodeRef(ref)))
  }

  /** Answers that rest on the name wait until this is written. */
  private keep(name: string, write: Promise<unknown>): void {
    const saved = write.then(() => {})
    this.saves.set(name, saved)
    const forget = () => {
      if (this.saves.get(name) === saved) this.saves.delete(name)
    }
    saved.then(forget, forget)
  }

  private async keepManifest(digest: ModelId, bytes: Uint8Array): Promise<void> {
    const manifest = await this.read(digest, bytes)
    await this.save(`manifest/${digest}`, bytes)
    this.remember(digest, manifest)
  }

  private read(digest: ModelId, bytes: Uint8Array): Promise<Manifest> {
    return readManifest({ digest, bytes, limits: this.options.manifestLimits ?? defaultManifestLimits })
  }

  /** What could not be written is known until the next start: a full or read-only disk keeps nobody from being served. */
  private async save(key: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.ports.state.put(key, Buffer.from(bytes).toString('utf8'))
    } catch (error) {
      if (!isHoldfastError(error, 'DISK_FAILED')) throw error
      this.ports.log.error({ key, error: error.message }, 'a record was not written; it is known until the next start')
    }
  }

  private remember(digest: ModelId, manifest: Manifest): Manifest {
    this.manifests.set(digest, manifest)
    const oldest = this.manifests.keys().next().value
    if (this.manifests.size > this.options.manifestsMax && oldest !== undefined) this.manifests.delete(oldest)
    return manifest
  }
}

function factsOf(ref: Ref): RefFacts<Ref> {
  return { manifest: ref.manifest, sequence: ref.sequence, publicKey: ref.publicKey, record: ref }
}
