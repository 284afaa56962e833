/**
 * The desk behind the store's socket: what the native server cannot answer from memory comes here, is resolved and fetched, and
 * goes back as descriptors or as a typed error. Also keeps the names that the native server answers by itself up to date.
 */

import { HoldfastError, isHoldfastError, type RequestContext, withDeadline } from '../../../common/index.ts'
import type { OpenMiss, Store } from '../../../native/index.ts'
import { formatModelName, type ModelName, type ModelReference, parseModelReference } from '../../../origin/index.ts'
import {
  type ModelCache,
  type ModelDirectory,
  publishedFiles,
  type ResolvedModel,
  wantedBlobs,
} from '../../models/index.ts'
import { type FailurePaceOptions, FailureTurns } from '../../shares/index.ts'
import type { Clock, Log } from '../../system/index.ts'

export interface SocketOpenPorts {
  readonly store: Store
  readonly cache: ModelCache
  readonly directory: ModelDirectory
  readonly onDemand: (model: string) => void
  /** Work of a tenant, within its quotas; refused before it begins. */
  readonly within: <T>(tenant: string, work: () => Promise<T>) => Promise<T>
  readonly clock: Clock
  readonly log: Log
}

export interface SocketOpenOptions {
  /** How often names that clients opened are looked up again, so that a moved tag reaches new opens. */
  readonly refreshMs: number
  /** Opens that a program makes and that fail, before its next ones wait. */
  readonly failures?: FailurePaceOptions
}

/** A program that looks through a list of names may have many that are not there. */
const openFailures: FailurePaceOptions = { freeFailures: 64, perSecond: 32, knownPerSecond: 32 }

export class SocketOpenHandler {
  private readonly ports: SocketOpenPorts
  private readonly options: SocketOpenOptions
  /** Names that the native server resolves, and what they mean there. */
  private readonly published = new Map<string, string>()
  /** Opens answered here whose lease has not been reported yet: their demand was counted when they came. */
  private readonly answered = new Map<string, number>()
  /** Opens that wait for a model, to be tried as soon as it arrives. */
  private readonly waiting = new Map<string, Set<OpenMiss>>()
  /** Opens that were answered, so that each counts once. */
  private readonly done = new WeakSet<OpenMiss>()
  private readonly stops: (() => void)[] = []
  private readonly turns: FailureTurns
  /** Names that were forgotten so far: an open that was resolved before one of them may have the old revision. */
  private forgotten = 0
  private isRefreshing = false

  constructor(ports: SocketOpenPorts, options: SocketOpenOptions) {
    this.ports = ports
    this.options = options
    this.turns = new FailureTurns(ports.clock, options.failures ?? openFailures)
  }

  start(): void {
    this.stops.push(this.ports.clock.every(this.options.refreshMs, () => void this.refreshNames()))
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop()
  }

  /** Ends in answerOpen or refuseOpen; never rejects. */
  async onOpenMiss(miss: OpenMiss): Promise<void> {
    const { store, clock, log } = this.ports
    const context = {
      tenant: miss.tenant,
      deadlineMs: miss.deadlineMs > 0 ? miss.deadlineMs : Number.POSITIVE_INFINITY,
    }
    try {
      await this.ports.within(miss.tenant, () =>
        withDeadline(clock, this.openInTurn(miss, context), context, `Opening ${miss.name}`),
      )
    } catch (error) {
      const known = isHoldfastError(error)
      if (!known) log.error({ name: miss.name, error: (error as Error).stack }, 'an open failed')
      const message = known ? error.message : 'Internal error; the log of the node says more.'
      store.refuseOpen(miss.requestId, known ? error.code : 'SYSTEM', message)
    }
  }

  /** The model is published, and on its way into memory: clients that wait for ranges need not wait for all of it. */
  onArriving(model: string): void {
    for (const miss of [...(this.waiting.get(model) ?? [])]) this.tryAnswer(miss, model)
  }

  /** A client opened a model: the native server answers most opens by itself, and only this tells of the demand for them. */
  onLeaseOpened(digest: string): void {
    const answered = this.answered.get(digest) ?? 0
    if (answered === 0) this.ports.onDemand(digest)
    else if (answered === 1) this.answered.delete(digest)
    else this.answered.set(digest, answered - 1)
  }

  /** Names of a model that went out of memory must reach this desk again. */
  onEvicted(model: string): void {
    this.answered.delete(model)
    for (const [name, digest] of this.published) {
      if (digest !== model) continue
      this.published.delete(name)
      this.ports.store.removeName(name)
    }
  }

  /** The next open of the name comes here and is resolved anew; running leases keep what they have. */
  forgetName(name: ModelName): void {
    const text = formatModelName(name)
    this.forgotten += 1
    for (const published of [...this.published.keys()]) {
      const reference = parseModelReference(published)
      if (reference.kind !== 'name' || formatModelName(reference.name) !== text) continue
      this.published.delete(published)
      this.ports.store.removeName(published)
    }
  }

  /** An open that fails costs a look at the origin and at peers. A program whose opens keep failing waits behind its own failures. */
  private async openInTurn(miss: OpenMiss, context: RequestContext): Promise<void> {
    const opened = await this.turns.take(programOf(miss), context.deadlineMs, async () => {
      await this.open(miss, context)
      return true
    })
    if (opened === null)
      throw new HoldfastError('STORE_BUSY', `Too many opens of process ${miss.pid} have failed; try again later.`)
  }

  private async open(miss: OpenMiss, context: RequestContext): Promise<void> {
    const reference = parseModelReference(miss.name)
    const { forgotten } = this
    const resolved = await this.resolve(miss, reference)
    const { digest, manifest } = resolved
    // Until the lease stands; nobody may evict what a client was just promised.
    using _hold = this.ports.cache.hold(digest)
    if (miss.heldDigest === '') this.ports.onDemand(digest)
    else await this.takeBack(miss, resolved)
    // It may arrive already, for somebody else.
    if (!this.tryAnswer(miss, digest)) this.await(miss, digest)
    try {
      await this.ports.cache.ensureOpenable(digest, manifest, context)
    } finally {
      this.forgetWaiting(miss, digest)
    }
    // A model that was held under a name that means another one by now is opened by its digest alone.
    const isNamed = reference.kind === 'name' && !resolved.isFormer
    if (isNamed && forgotten === this.forgotten)
      this.publishNames([miss.name, formatModelName(reference.name)], resolved)
    this.answer(miss, digest)
  }

  /**
   * What a client held of a store that has gone is that model, whatever its name means now: it has the bytes already. A client that may
   * open certain names only has to hold what its name means, because the rest of a model would be given to it too.
   */
  private async resolve(
    miss: OpenMiss,
    reference: ModelReference,
  ): Promise<ResolvedModel & { readonly isFormer: boolean }> {
    const { directory } = this.ports
    const held = miss.heldDigest
    if (held !== '' && !miss.isRestricted) return { ...(await directory.resolveDigest(held)), isFormer: true }
    const resolved =
      reference.kind === 'digest'
        ? await directory.resolveDigest(reference.digest)
        : await directory.resolveAtOnce(reference.name)
    if (held === '' || resolved.digest === held) return { ...resolved, isFormer: false }
    throw new HoldfastError('UNAUTHORIZED', `${miss.name} is another model by now; open it again.`)
  }

  /** Nothing taken back is an error: an open would only put a second copy beside the one that the client has. */
  private async takeBack(miss: OpenMiss, { digest, manifest }: ResolvedModel): Promise<void> {
    const { cache, store, log } = this.ports
    const taken = await cache.reattach(digest, manifest, (blobs) => {
      const wanted = wantedBlobs(manifest).filter(({ id }) => blobs.includes(id))
      return store.reattach(miss.requestId, wanted)
    })
    const refused = taken.find(({ error }) => error !== null)
    if (refused !== undefined) {
      log.warn({ model: digest, pid: miss.pid, error: refused.error?.message }, 'a segment was not taken back')
    }
    if (taken.every(({ error }) => error !== null)) {
      throw refused?.error ?? new HoldfastError('BAD_REQUEST', 'None of the segments belongs to the model.')
    }
    const sizeBytes = taken.reduce((sum, blob) => sum + (blob.error === null ? blob.sizeBytes : 0), 0)
    log.info({ model: digest, pid: miss.pid, sizeBytes }, 'memory of a former run was taken back')
  }

  /** False while it is not there, or not so that this client can have it. */
  private tryAnswer(miss: OpenMiss, digest: string): boolean {
    try {
      this.answer(miss, digest)
      return true
    } catch (error) {
      if (isHoldfastError(error, 'UNKNOWN_MODEL')) return false
      throw error
    }
  }

  private answer(miss: OpenMiss, digest: string): void {
    this.ports.store.answerOpen(miss.requestId, digest)
    if (this.done.has(miss)) return
    this.done.add(miss)
    this.forgetWaiting(miss, digest)
    this.answered.set(digest, (this.answered.get(digest) ?? 0) + 1)
  }

  private await(miss: OpenMiss, digest: string): void {
    const others = this.waiting.get(digest)
    if (others === undefined) this.waiting.set(digest, new Set([miss]))
    else others.add(miss)
  }

  private forgetWaiting(miss: OpenMiss, digest: string): void {
    const others = this.waiting.get(digest)
    if (others?.delete(miss) && others.size === 0) this.waiting.delete(digest)
  }

  /** As the client wrote it, which may lack the tag, and in full. */
  private publishNames(names: readonly string[], { digest, manifest }: ResolvedModel): void {
    for (const name of names) this.published.set(name, digest)
    this.ports.store.publish({ digest, files: publishedFiles(manifest) }, names)
  }

  /** A slow origin must not let rounds pile up: one at a time. */
  private async refreshNames(): Promise<void> {
    if (this.isRefreshing) return
    this.isRefreshing = true
    for (const [name, digest] of [...this.published]) {
      try {
        const reference = parseModelReference(name)
        if (reference.kind !== 'name') continue
        const resolved = await this.ports.directory.resolve(reference.name)
        if (resolved.digest === digest || this.published.get(name) !== digest) continue
        // The next open of the name is a miss, which brings the new revision in; running leases keep the old one.
        this.published.delete(name)
        this.ports.store.removeName(name)
      } catch (error) {
        this.ports.log.warn({ name, error: (error as Error).message }, 'a published name could not be looked up again')
      }
    }
    this.isRefreshing = false
  }
}

/** Processes of other containers have no number here, and share one place for each of their users. */
function programOf({ pid, uid }: OpenMiss): string {
  return pid === 0 ? `user ${uid}` : `process ${pid}`
}
