/**
 * Carries out what the hand-over of last copies decides, on both sides: asks the chosen nodes to take a model, and takes what a stopping
 * node hands on. The other node fetches as for any request, from this one and whoever else has parts of it.
 *
 *   take  request: {version: 1, model: 32 bytes}    answer: {version: 1} at once; the fetch goes on afterwards
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
} from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import { type Manifest, manifestSizeBytes } from '../../origin/index.ts'
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
  readonly directory: Pick<ModelDirectory, 'resolveDigest'>
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

/** A question of a node that stops, until it is answered. */
interface Question {
  readonly answer: PromiseWithResolvers<void>
  manifest: Manifest | null
}

const version = spokenVersion
const digestBytes = 32
const context = { tenant: 'operator', deadlineMs: Number.POSITIVE_INFINITY }

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
    const { core, zone, cache, store, isPinned, isDraining, clock } = ports
    const freeBytes = () => freeBytesOf(store.stats().tiers[slowestTier])
    const machine = new HandoverMachine(
      { core, zone, residency: () => cache.residency(), isPinned, isDraining, freeBytes },
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
      await this.take(from, decodeTake(payload))
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
        void this.ask(effect.model, effect.to, effect.timeoutMs)
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

  private async ask(model: ModelId, to: NodeId, timeoutMs: number): Promise<void> {
    const { driver, clock } = this.ports
    using limit = new TimeLimit(clock, timeoutMs, this.signal)
    const { signal } = limit
    const payload = encodeCbor({ version, model: Buffer.from(model, 'hex') })
    const failure = await driver.call(to, 'take', payload, { signal }).then(() => null, failureOf)
    this.queue.dispatch(failure === null ? { kind: 'taken', model } : { kind: 'not-taken', model, failure })
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
      .ensureHeld(model, manifest!, context)
      .catch((error: Error) => log.warn({ from, model, error: error.message }, 'a last copy was not taken over'))
      .finally(() => this.queue.dispatch({ kind: 'take-ended', take }))
    answer.resolve()
  }
}

function decodeTake(payload: Uint8Array): ModelId {
  const value = decodeCbor(payload, 'take')
  if (!isPlainMap(value) || !isReadableVersion(value.version) || !isBytes(value.model, digestBytes))
    throw malformed('take', 'it names no model')
  return Buffer.from(value.model).toString('hex')
}
