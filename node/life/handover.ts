/**
 * Carries out what the hand-over of last copies decides, on both sides: asks the chosen nodes to take a model, and takes what a stopping
 * node hands on. The other node fetches as for any request, from this one and others that have parts of it.
 *
 *   take   request: {version: 1, model: 32 bytes, refs: [{name: text, ref: bytes}]}
 *          answer: {version: 1} when the names are kept; the fetch goes on afterwards
 *   names  request: {version: 1, refs}    answer: {version: 1} when they are kept
 *
 * A ref is a signed record with its sequence; it is believed as one that a peer answers with (core/names).
 */

import { freeBytesOf, type ModelId, type NodeId, slowestTier, TimeLimit } from '../../common/index.ts'
import {
  defaultHandoverMachineOptions,
  errorOf,
  type Failure,
  failureOf,
  type HandoverEffect,
  type HandoverEvent,
  HandoverMachine,
  type HandoverMachineOptions,
  type NodeCore,
  StepQueue,
  type TakeId,
  type Timeless,
  takeContext,
} from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import { encodeRef, type Manifest, manifestSizeBytes, parseModelName } from '../../origin/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import type { ModelCache, ModelDirectory } from '../models/index.ts'
import { decodeCbor, encodeCbor, isBytes, isPlainMap, malformed } from '../net/index.ts'
import type { ClusterNetwork } from '../ports/index.ts'
import { type Clock, isReadableVersion, type Log, spokenVersion } from '../system/index.ts'

export interface HandoverPorts {
  readonly core: Pick<NodeCore, 'members' | 'holders' | 'clusterDemandOf'>
  readonly driver: Pick<CoreDriver, 'call'>
  readonly network: Pick<ClusterNetwork, 'handle'>
  readonly cache: Pick<ModelCache, 'residency' | 'ensureHeld' | 'hold'>
  readonly directory: Pick<ModelDirectory, 'resolveDigest' | 'knownNames' | 'knownRef' | 'receiveRef'>
  readonly store: Pick<Store, 'stats'>
  readonly isPinned: (model: ModelId) => boolean
  readonly isDraining: () => boolean
  readonly zone: string
  readonly clock: Clock
  readonly log: Log
}

export interface HandedOn {
  readonly handedOn: number
  readonly left: number
}

/** A tag and the record of it, unchecked. */
interface NamedRef {
  readonly name: string
  readonly ref: Uint8Array
}

/** A question of a node that stops, until it is answered. */
interface Question {
  readonly answer: PromiseWithResolvers<void>
  manifest: Manifest | null
}

const version = spokenVersion
const digestBytes = 32

export class Handover {
  private readonly ports: HandoverPorts
  private readonly queue: StepQueue<Timeless<HandoverEvent>, HandoverEffect>
  private readonly holds = new Map<ModelId, Disposable>()
  private readonly questions = new Map<TakeId, Question>()
  private readonly handed = Promise.withResolvers<HandedOn>()
  private nextTake: TakeId = 1
  private stopTimer: (() => void) | null = null
  /** Ends what asks others, when there is no more time. */
  private signal = new AbortController().signal

  constructor(ports: HandoverPorts, options: Partial<HandoverMachineOptions> = {}) {
    this.ports = ports
    const { core, zone, cache, directory, store, isPinned, isDraining, clock } = ports
    const names = () => directory.knownNames().map(({ name, ref }) => ({ name, model: ref.manifest }))
    const freeBytes = () => freeBytesOf(store.stats().tiers[slowestTier])
    const machine = new HandoverMachine(
      { core, zone, residency: () => cache.residency(), names, isPinned, isDraining, freeBytes },
      { ...defaultHandoverMachineOptions, ...options },
    )
    this.queue = new StepQueue(
      (event) => machine.step({ ...event, nowMs: clock.nowMs() }),
      (effect) => this.execute(effect),
    )
  }

  /** Before the network starts. */
  serve(): void {
    this.ports.network.handle('take', async (from, payload) => {
      const { model, refs } = decodeTake(payload)
      await this.receiveRef(from, refs)
      await this.take(from, model)
      return encodeCbor({ version })
    })
    this.ports.network.handle('names', async (from, payload) => {
      await this.receiveRef(from, decodeNames(payload))
      return encodeCbor({ version })
    })
  }

  /** Ends when everything that can be handed on is, or with the signal. Never rejects: what fails is left to the origin. */
  handOn(signal: AbortSignal): Promise<HandedOn> {
    this.signal = signal
    this.queue.dispatch({ kind: 'leave' })
    const onAbort = () => this.queue.dispatch({ kind: 'time-up' })
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    return this.handed.promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  private execute(effect: HandoverEffect): void {
    const { cache, clock, log } = this.ports
    switch (effect.kind) {
      case 'hold':
        this.holds.set(effect.model, cache.hold(effect.model))
        return
      case 'unhold':
        this.holds.get(effect.model)?.[Symbol.dispose]()
        this.holds.delete(effect.model)
        return
      case 'ask-take':
        void this.ask(effect)
        return
      case 'tell-names':
        void this.tell(effect)
        return
      case 'not-told':
        log.warn({ to: effect.to, error: effect.failure.message }, 'a holder was not told the names of its models')
        return
      case 'timer': {
        const { turn, afterMs } = effect
        this.stopTimer = clock.after(afterMs, () => this.queue.dispatch({ kind: 'due', turn }))
        return
      }
      case 'handed-on': {
        const { model, to, reason, sizeBytes } = effect.step
        log.info({ model, to, reason, sizeBytes }, 'the last copy of a model was handed on')
        return
      }
      case 'not-handed-on': {
        const { model, to } = effect.step
        log.warn({ model, to, error: effect.failure.message }, 'the last copy of a model was not handed on')
        return
      }
      case 'handed':
        this.stopTimer?.()
        this.handed.resolve({ handedOn: effect.handedOn, left: effect.left })
        return
      case 'size-take':
        void this.size(effect.take, effect.model)
        return
      case 'refuse-take':
        this.refuse(effect.take, effect.failure)
        return
      case 'take':
        this.fetch(effect)
    }
  }

  private async ask({ model, to, names, timeoutMs }: Extract<HandoverEffect, { kind: 'ask-take' }>): Promise<void> {
    const { driver, clock } = this.ports
    using limit = new TimeLimit(clock, timeoutMs, this.signal)
    const { signal } = limit
    const payload = encodeCbor({ version, model: Buffer.from(model, 'hex'), refs: this.refsOf(names) })
    const failure = await driver.call(to, 'take', payload, { signal }).then(() => null, failureOf)
    this.queue.dispatch(failure === null ? { kind: 'taken', model } : { kind: 'not-taken', model, failure })
  }

  private async tell({ to, names, timeoutMs }: Extract<HandoverEffect, { kind: 'tell-names' }>): Promise<void> {
    const { driver, clock } = this.ports
    using limit = new TimeLimit(clock, timeoutMs, this.signal)
    const payload = encodeCbor({ version, refs: this.refsOf(names) })
    const failure = await driver.call(to, 'names', payload, { signal: limit.signal }).then(() => null, failureOf)
    this.queue.dispatch({ kind: 'told', to, failure })
  }

  private refsOf(names: readonly string[]): NamedRef[] {
    return names.flatMap((name) => {
      const ref = this.ports.directory.knownRef(parseModelName(name))
      return ref === null ? [] : [{ name, ref: encodeRef(ref) }]
    })
  }

  /** Ends when what is believed of it is on the disk. */
  private async receiveRef(from: NodeId, refs: readonly NamedRef[]): Promise<void> {
    for (const { name, ref } of refs) await this.ports.directory.receiveRef(from, parseModelName(name), ref)
  }

  private take(from: NodeId, model: ModelId): Promise<void> {
    const take = this.nextTake
    this.nextTake += 1
    const question: Question = { answer: Promise.withResolvers(), manifest: null }
    this.questions.set(take, question)
    this.queue.dispatch({ kind: 'take-asked', take, from, model })
    return question.answer.promise
  }

  private async size(take: TakeId, model: ModelId): Promise<void> {
    try {
      const { manifest } = await this.ports.directory.resolveDigest(model)
      this.questions.get(take)!.manifest = manifest
      this.queue.dispatch({ kind: 'take-sized', take, sizeBytes: manifestSizeBytes(manifest) })
    } catch (error) {
      this.refuse(take, failureOf(error))
      this.queue.dispatch({ kind: 'take-ended', take })
    }
  }

  private refuse(take: TakeId, failure: Failure): void {
    this.questions.get(take)?.answer.reject(errorOf(failure))
    this.questions.delete(take)
  }

  private fetch({ take, from, model, sizeBytes }: Extract<HandoverEffect, { kind: 'take' }>): void {
    const { cache, log } = this.ports
    const { answer, manifest } = this.questions.get(take)!
    this.questions.delete(take)
    log.info({ from, model, neededBytes: sizeBytes }, 'taking over the last copy of a model')
    cache
      .ensureHeld(model, manifest!, takeContext)
      .catch((error: Error) => log.warn({ from, model, error: error.message }, 'a last copy was not taken over'))
      .finally(() => this.queue.dispatch({ kind: 'take-ended', take }))
    answer.resolve()
  }
}

function decodeTake(payload: Uint8Array): { readonly model: ModelId; readonly refs: readonly NamedRef[] } {
  const value = decodeCbor(payload, 'take')
  if (!isPlainMap(value) || !isReadableVersion(value.version) || !isBytes(value.model, digestBytes))
    throw malformed('take', 'it names no model')
  // An earlier version sends none.
  return { model: Buffer.from(value.model).toString('hex'), refs: refsIn(value.refs ?? [], 'take') }
}

function decodeNames(payload: Uint8Array): readonly NamedRef[] {
  const value = decodeCbor(payload, 'names')
  if (!isPlainMap(value) || !isReadableVersion(value.version)) throw malformed('names', 'it has no version')
  return refsIn(value.refs, 'names')
}

function refsIn(value: unknown, what: string): readonly NamedRef[] {
  const isNamedRef = (item: unknown) => isPlainMap(item) && typeof item.name === 'string' && isBytes(item.ref)
  if (!Array.isArray(value) || !value.every(isNamedRef))
    throw malformed(what, 'its refs are no list of names and records')
  return value as NamedRef[]
}
