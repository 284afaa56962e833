/**
 * From names to manifests: `namespace/name:tag` -> ref -> manifest.
 *
 * The origin is asked first; when it is away, peers answer with what they know. A ref older than one already seen is never
 * used, whoever sends it; a ref's signature and a manifest's digest are checked whatever their source. What was learned is
 * kept over restarts, so that a node that comes back without its origin still knows what its blobs are.
 */

import { HoldfastError, isHoldfastError, type ModelId, type NodeId } from '../../common/index.ts'
import {
  encodeRef,
  formatModelName,
  type Manifest,
  type ModelName,
  parseManifestOf,
  parseModelName,
  parseRef,
  type Ref,
} from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { SingleFlight } from './single-flight.ts'

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

interface KnownRef {
  readonly ref: Ref
  readonly checkedAtMs: number
  /** The origin itself said so, in this run. */
  readonly isConfirmed: boolean
}

export class ModelDirectory {
  private readonly ports: DirectoryPorts
  private readonly options: DirectoryOptions
  private readonly refs = new Map<string, KnownRef>()
  private readonly manifests = new Map<ModelId, Manifest>()
  private readonly refLookups = new SingleFlight<KnownRef>()
  private readonly manifestLookups = new SingleFlight<Manifest>()
  /** The last tag that was asked for got no answer. */
  private isOriginAway = false

  constructor(ports: DirectoryPorts, options: DirectoryOptions) {
    this.ports = ports
    this.options = options
  }

  /** Reads back what the state store kept. Refs count as unconfirmed until the origin or a peer is asked again. */
  async start(): Promise<void> {
    for await (const [key, value] of this.ports.state.entries('ref/')) {
      const text = key.slice('ref/'.length)
      try {
        const ref = parseRef(Buffer.from(String(value)), parseModelName(text))
        this.refs.set(text, { ref, checkedAtMs: Number.NEGATIVE_INFINITY, isConfirmed: false })
      } catch (error) {
        this.ports.log.warn({ key, error: (error as Error).message }, 'a damaged ref in the state folder is left out')
      }
    }
  }

  /** UNKNOWN_MODEL when nobody reachable knows the name; ORIGIN_UNAVAILABLE when only the origin could know. */
  async resolve(name: ModelName): Promise<ResolvedModel> {
    const { ref, checkedAtMs } = await this.lookUpRef(name)
    const manifest = await this.manifest(ref.manifest)
    const ageMs = Number.isFinite(checkedAtMs) ? this.ports.clock.nowMs() - checkedAtMs : Number.POSITIVE_INFINITY
    return { digest: ref.manifest, manifest, ref, ageMs }
  }

  async resolveDigest(digest: ModelId): Promise<ResolvedModel> {
    return { digest, manifest: await this.manifest(digest), ref: null, ageMs: 0 }
  }

  /** The manifest if this node knows it already, without asking anybody. */
  async knownManifest(digest: ModelId): Promise<Manifest | null> {
    const cached = this.manifests.get(digest)
    if (cached !== undefined) return cached
    const stored = await this.ports.state.get(`manifest/${digest}`)
    if (typeof stored !== 'string') return null
    try {
      return this.remember(digest, parseManifestOf(digest, Buffer.from(stored)))
    } catch (error) {
      this.ports.log.warn({ digest, error: (error as Error).message }, 'a damaged manifest in the state folder')
      return null
    }
  }

  knownRef(name: ModelName): Ref | null {
    return this.refs.get(formatModelName(name))?.ref ?? null
  }

  /** Every name this node has resolved, with the manifest it means. */
  knownNames(): { name: string; ref: Ref }[] {
    return [...this.refs].map(([name, { ref }]) => ({ name, ref }))
  }

  /** Digests of all manifests kept here. */
  async *knownDigests(): AsyncIterable<ModelId> {
    for await (const [key] of this.ports.state.entries('manifest/')) yield key.slice('manifest/'.length)
  }

  /** Looks the tag up again, however fresh it is. A lookup that had begun before may have read the old one, so it does not count. */
  async refresh(name: ModelName): Promise<Ref> {
    const text = formatModelName(name)
    const lookUp = () => this.refLookups.run(text, () => this.askForRef(name, text))
    if (this.refLookups.has(text)) await lookUp().catch(() => undefined)
    return (await lookUp()).ref
  }

  /** A peer tells of a ref without having been asked; it is checked, and taken only when it is newer. */
  async hear(node: NodeId, name: ModelName, bytes: Uint8Array): Promise<void> {
    await this.learnFromPeer(formatModelName(name), name, node, bytes)
  }

  private lookUpRef(name: ModelName): Promise<KnownRef> {
    const text = formatModelName(name)
    const known = this.refs.get(text)
    if (known !== undefined && this.ports.clock.nowMs() - known.checkedAtMs <= this.options.freshMs) {
      return Promise.resolve(known)
    }
    const lookup = this.refLookups.run(text, () => this.askForRef(name, text))
    if (known === undefined || !this.isOriginAway) return lookup
    // Nobody waits for an origin that does not answer while there is something to go on with; the lookup tells when it is back.
    lookup.catch((error: Error) => this.ports.log.warn({ name: text, error: error.message }, 'a tag was not looked up'))
    return Promise.resolve(known)
  }

  private async askForRef(name: ModelName, text: string): Promise<KnownRef> {
    const fromOrigin = await this.refFromOrigin(name)
    this.isOriginAway = isHoldfastError(fromOrigin)
    if (fromOrigin !== null && !isHoldfastError(fromOrigin)) return this.learn(text, fromOrigin, true)
    for (const { node, bytes } of await this.ports.peers.refs(name)) {
      await this.learnFromPeer(text, name, node, bytes)
    }
    const best = this.refs.get(text)
    if (best !== undefined) return best
    if (fromOrigin !== null) throw fromOrigin
    throw new HoldfastError(
      'UNKNOWN_MODEL',
      `${this.whoIsAsked()} knows ${text}${this.ports.origin === null ? '' : '; `holdfast ls` shows what the origin has'}.`,
    )
  }

  /** The ref, null when the origin does not have it, or the error that kept it from answering. */
  private async refFromOrigin(name: ModelName): Promise<Ref | null | HoldfastError> {
    if (this.ports.origin === null) return null
    try {
      return await this.ports.origin.readRef(name)
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      this.ports.log.warn({ error: error.message }, 'the origin does not answer for a tag; peers are asked')
      return error
    }
  }

  private async learnFromPeer(text: string, name: ModelName, node: NodeId, bytes: Uint8Array): Promise<void> {
    try {
      const ref = parseRef(bytes, name)
      const known = this.refs.get(text)?.ref
      // Only the origin can tell that a tag has a new publisher; a peer could have made up both key and sequence.
      if (known !== undefined && known.publicKey !== ref.publicKey) {
        throw new HoldfastError('BAD_REF', `${text} is signed by another publisher than before.`)
      }
      await this.learn(text, ref, false)
    } catch (error) {
      this.ports.log.warn({ node, error: (error as Error).message }, 'a peer sent a bad ref')
    }
  }

  /** Keeps the newer of what is known and what was heard. */
  private async learn(text: string, ref: Ref, isFromOrigin: boolean): Promise<KnownRef> {
    const known = this.refs.get(text)
    const isNewer =
      known === undefined ||
      ref.sequence > known.ref.sequence ||
      // A peer that was first to name the tag could have made up key and sequence: the origin's publisher stands above it.
      (isFromOrigin && !known.isConfirmed && ref.publicKey !== known.ref.publicKey)
    const kept = {
      ref: isNewer ? ref : known.ref,
      checkedAtMs: this.ports.clock.nowMs(),
      isConfirmed: isFromOrigin || (known?.isConfirmed ?? false),
    }
    this.refs.set(text, kept)
    if (isNewer) await this.save(`ref/${text}`, encodeRef(ref))
    return kept
  }

  private async manifest(digest: ModelId): Promise<Manifest> {
    return (await this.knownManifest(digest)) ?? this.manifestLookups.run(digest, () => this.fetchManifest(digest))
  }

  /**
   * From the nearest holder, before the origin: manifests are small, but the origin may be far or away. At last from anybody: who
   * has just loaded a model may answer for its tag before others have heard that it is a holder.
   */
  private async fetchManifest(digest: ModelId): Promise<Manifest> {
    const fromHolder = await this.manifestFromPeers(digest, 'holders')
    if (fromHolder !== null) return fromHolder
    const fromOrigin = await this.manifestFromOrigin(digest)
    if (fromOrigin !== null && !isHoldfastError(fromOrigin)) return this.keep(digest, fromOrigin)
    const fromOther = await this.manifestFromPeers(digest, 'others')
    if (fromOther !== null) return fromOther
    if (fromOrigin !== null) throw fromOrigin
    throw new HoldfastError('UNKNOWN_MODEL', `${this.whoIsAsked()} has the manifest sha256:${digest}.`)
  }

  private async manifestFromPeers(digest: ModelId, of: 'holders' | 'others'): Promise<Manifest | null> {
    for await (const { node, bytes } of this.ports.peers.manifests(digest, of)) {
      try {
        return await this.keep(digest, bytes)
      } catch (error) {
        this.ports.log.warn({ node, error: (error as Error).message }, 'a peer sent a bad manifest')
      }
    }
    return null
  }

  /** The bytes, null when the origin does not have them, or the error that kept it from answering. */
  private async manifestFromOrigin(digest: ModelId): Promise<Uint8Array | null | HoldfastError> {
    try {
      return (await this.ports.origin?.readManifestBytes(digest)) ?? null
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      return error
    }
  }

  /** For messages: a node without an origin knows only what its peers know. */
  private whoIsAsked(): string {
    return this.ports.origin === null
      ? 'this node has no origin (origin.url), and no reachable peer'
      : 'no reachable origin or peer'
  }

  private async keep(digest: ModelId, bytes: Uint8Array): Promise<Manifest> {
    const manifest = parseManifestOf(digest, bytes)
    await this.save(`manifest/${digest}`, bytes)
    return this.remember(digest, manifest)
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
