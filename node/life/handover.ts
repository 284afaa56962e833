/**
 * Hands the last copies of wanted models on before this node stops: asks the node that placement/ chose to take each one, and
 * waits until the ledger says that it holds it. The other node fetches as for any request, from this one and whoever else has
 * parts of it. On the other side: takes what a stopping node hands on, where there is free room; nothing is displaced for it.
 *
 *   take  request: {version: 1, model: 32 bytes}    answer: {version: 1} at once; the fetch goes on afterwards
 */

import { freeBytesOf, HoldfastError, type ModelId, type NodeId, slowestTier } from '../../common/index.ts'
import type { NodeCore } from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import { manifestSizeBytes } from '../../origin/index.ts'
import { type HandoverModel, type HandoverStep, type HandoverTaker, planHandover } from '../../placement/index.ts'
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

export interface HandoverOptions {
  /** Models taken from others at one time: each is a fetch of its own. */
  readonly takesMax: number
  /** A node that does not answer a request to take a model in this time does not take it. */
  readonly askMs: number
  /** How often the ledger is looked at for a model that is on its way. */
  readonly lookMs: number
}

export const defaultHandoverOptions: HandoverOptions = { takesMax: 4, askMs: 5_000, lookMs: 100 }

export interface HandedOn {
  readonly handedOn: number
  readonly left: number
}

const version = spokenVersion
const digestBytes = 32
const context = { tenant: 'operator', deadlineMs: Number.POSITIVE_INFINITY }

export class Handover {
  private readonly ports: HandoverPorts
  private readonly options: HandoverOptions
  private taking = 0

  constructor(ports: HandoverPorts, options: Partial<HandoverOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultHandoverOptions, ...options }
  }

  /** Before the network starts. */
  serve(): void {
    this.ports.network.handle('take', async (from, payload) => {
      await this.take(from, decodeTake(payload))
      return encodeCbor({ version })
    })
  }

  /** Ends when everything that can be handed on is, or with the signal. Never rejects: what fails is left to the origin. */
  async handOn(signal: AbortSignal): Promise<HandedOn> {
    const { steps, left } = planHandover(this.models(), this.takers())
    const forsaken = left.filter(({ reason }) => reason === 'no-room').length
    const results = await Promise.all(steps.map((step) => this.handOver(step, signal)))
    const handedOn = results.filter(Boolean).length
    return { handedOn, left: forsaken + steps.length - handedOn }
  }

  private models(): HandoverModel[] {
    const { core, cache, clock, isPinned } = this.ports
    const nowMs = clock.nowMs()
    return cache.residency().map(({ model, sizeBytes }) => ({
      model,
      sizeBytes,
      isPinned: isPinned(model),
      ratePerS: core.clusterDemandOf(model, nowMs),
      otherHolders: this.usableHolders(model).length,
    }))
  }

  private takers(): HandoverTaker[] {
    const { core, clock, zone } = this.ports
    return core
      .members(clock.nowMs())
      .flatMap(({ node, isSelf, connected, suspected, distrusted, state }) =>
        isSelf || !connected || suspected || distrusted || state === null || state.draining
          ? []
          : [{ node, sameZone: state.zone === zone, freeBytes: state.tiers[slowestTier].freeBytes }],
      )
  }

  private usableHolders(model: ModelId): NodeId[] {
    const holders = this.ports.core.holders(model, this.ports.clock.nowMs())
    return holders.filter(({ suspected, draining }) => !suspected && !draining).map(({ node }) => node)
  }

  private async handOver({ model, to, reason, sizeBytes }: HandoverStep, signal: AbortSignal): Promise<boolean> {
    const { cache, driver, log } = this.ports
    using _hold = cache.hold(model)
    try {
      const asked = AbortSignal.any([signal, AbortSignal.timeout(this.options.askMs)])
      await driver.call(to, 'take', encodeCbor({ version, model: Buffer.from(model, 'hex') }), { signal: asked })
      await this.held(model, to, signal)
      log.info({ model, to, reason, sizeBytes }, 'the last copy of a model was handed on')
      return true
    } catch (error) {
      log.warn({ model, to, error: (error as Error).message }, 'the last copy of a model was not handed on')
      return false
    }
  }

  /** Resolves when another usable node says that it holds the model; rejects when the one that took it leaves too. */
  private held(model: ModelId, to: NodeId, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      if (this.usableHolders(model).length > 0) resolve()
      else if (!this.takers().some(({ node }) => node === to)) {
        reject(new HoldfastError('PEER_UNREACHABLE', 'the node that took it is leaving or gone.'))
      }
    }
    const stop = this.ports.clock.every(this.options.lookMs, look)
    const onAbort = () => reject(new HoldfastError('DEADLINE_EXCEEDED', 'there was no more time to hand it on.'))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    look()
    return promise.finally(() => {
      stop()
      signal.removeEventListener('abort', onAbort)
    })
  }

  private async take(from: NodeId, model: ModelId): Promise<void> {
    const { cache, directory, store, log, isDraining } = this.ports
    if (isDraining()) throw new HoldfastError('SHUTTING_DOWN', 'this node is stopping too; ask another.')
    if (this.taking >= this.options.takesMax) {
      throw new HoldfastError('OVERLOADED', `${this.taking} models are being taken already, which is the most.`)
    }
    this.taking += 1
    try {
      const { manifest } = await directory.resolveDigest(model)
      const neededBytes = manifestSizeBytes(manifest)
      const freeBytes = freeBytesOf(store.stats().tiers[slowestTier])
      if (neededBytes > freeBytes) {
        throw new HoldfastError('DISK_FULL', 'there is no free room for the model, and nothing leaves for it.', {
          details: { neededBytes, freeBytes },
        })
      }
      log.info({ from, model, neededBytes }, 'taking over the last copy of a model')
      const taken = cache.ensureHeld(model, manifest, context)
      taken
        .catch((error: Error) => log.warn({ from, model, error: error.message }, 'a last copy was not taken over'))
        .finally(() => {
          this.taking -= 1
        })
    } catch (error) {
      this.taking -= 1
      throw error
    }
  }
}

function decodeTake(payload: Uint8Array): ModelId {
  const value = decodeCbor(payload, 'take')
  if (!isPlainMap(value) || !isReadableVersion(value.version) || !isBytes(value.model, digestBytes))
    throw malformed('take', 'it names no model')
  return Buffer.from(value.model).toString('hex')
}
