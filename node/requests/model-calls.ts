/**
 * What a node does with models for its callers, whatever protocol they speak. A door turns its requests into these calls, and results
 * and errors into its own form. Nobody waits for the origin to say what is known of a name already; where nothing is, the origin may be far:
 * that is part of the caller's time.
 */
import {
  HoldfastError,
  isHoldfastError,
  type ModelId,
  type RequestContext,
  remaining,
  withDeadline,
} from '../../common/index.ts'
import type { Prediction } from '../../core/index.ts'
import { formatModelName, type ModelName, versionFileOf, withEntry } from '../../origin/index.ts'
import type { RouteDecision } from '../../placement/index.ts'
import type { Loading, ResolvedModel } from '../models/index.ts'
import type { ModelSignature, TensorValue } from '../ports/index.ts'
import { FailureTurns } from '../shares/index.ts'
import type { Clock } from '../system/index.ts'
import type { InferenceAnswer, InferenceRequest, InferenceService } from './inference-service.ts'
import { type RequestTimes, type RequestTiming, serverTiming } from './request-timing.ts'

const defaultTag = 'latest'
/** Pace of one caller's lookups of names that nobody here knows. Known names wait for nothing. */
const unknownNames = { freeFailures: 256, perSecond: 64, knownPerSecond: 64 }

export interface ModelCallsPorts {
  /** UNKNOWN_MODEL, with nothing looked up, for a name that the tenant may not know. */
  readonly checkName: (tenant: string, name: ModelName) => void
  /** Work of a tenant, within its quotas; refused before it begins. */
  readonly within: <T>(tenant: string, work: () => Promise<T>) => Promise<T>
  readonly inference: Pick<InferenceService, 'infer'>
  /** At once when the name is known, however long ago it was looked up. */
  readonly resolve: (name: ModelName) => Promise<ResolvedModel>
  readonly isKnown: (name: ModelName) => boolean
  /** For the calls that come later. */
  readonly lookUpBehind: (name: ModelName) => void
  /** Loads the model when it is not. */
  readonly signature: (resolved: ResolvedModel, context: RequestContext) => Promise<ModelSignature>
  /** This node can answer without a fetch: it holds the model, or a usable peer does. */
  readonly isServable: (resolved: ResolvedModel) => boolean
  readonly route: (resolved: ResolvedModel, context: RequestContext) => RouteDecision
  readonly predict: (resolved: ResolvedModel, context: RequestContext, batch: number) => Prediction
  readonly loading: (model: ModelId) => Loading | null
  readonly timing: RequestTiming
  readonly clock: Clock
}

export interface InferCall extends Omit<InferenceRequest, 'name' | 'resolved' | 'times' | 'inputs'> {
  readonly name: ModelName
  /** A function where the model has to say what the bytes are: it is loaded for that when it is not. */
  readonly inputs: readonly TensorValue[] | ((signature: ModelSignature) => readonly TensorValue[])
  /** Path of the file that is to run, of a model with several. */
  readonly entry?: string
}

export interface InferAnswer extends InferenceAnswer {
  readonly model: ModelId
  /** Since the name was last looked up; Infinity when that is not known. */
  readonly refAgeMs: number
  /** The time of each part, as the header `server-timing` says it. */
  readonly serverTiming: string
}

export interface Readiness {
  readonly ready: boolean
  readonly loading: Loading | null
}

export interface RouteView {
  readonly model: ModelId
  /** Since the name was last looked up; Infinity when that is not known. */
  readonly refAgeMs: number
  readonly decision: RouteDecision
}

export interface PredictionView extends Prediction {
  readonly model: ModelId
}

export class ModelCalls {
  private readonly ports: ModelCallsPorts
  /** How far a model was when a call for it failed. Kept beside the error, because the error may be of many calls. */
  private readonly loadingAtError = new WeakMap<HoldfastError, Loading>()
  private readonly turns: FailureTurns

  constructor(ports: ModelCallsPorts) {
    this.ports = ports
    this.turns = new FailureTurns(ports.clock, unknownNames, (error) => isHoldfastError(error, 'UNKNOWN_MODEL'))
  }

  infer(call: InferCall): Promise<InferAnswer> {
    return this.ports.within(call.context.tenant, () => this.inferWithin(call))
  }

  private async inferWithin(call: InferCall): Promise<InferAnswer> {
    const { timing, clock } = this.ports
    const name = formatModelName(call.name)
    const facts = { name, requestId: call.requestId, from: null }
    const work = async (times: RequestTimes): Promise<InferAnswer> => {
      const { resolved, left } = await times.during('resolve', this.resolve(call.name, call.context, call.entry))
      const given = await this.inputsOf(call, resolved, left)
      const answer = await this.inferResolved({ ...call, ...given, name, resolved, times })
      return {
        ...answer,
        refAgeMs: resolved.ageMs,
        serverTiming: serverTiming(times.parts, clock.nowMs() - times.startedMs),
      }
    }
    return timing.measure(facts, work, ({ servedFrom }) => servedFrom)
  }

  private async inputsOf(
    { name, inputs }: InferCall,
    resolved: ResolvedModel,
    context: RequestContext,
  ): Promise<Pick<InferenceRequest, 'inputs' | 'context'>> {
    if (typeof inputs !== 'function') return { inputs, context }
    const { clock } = this.ports
    const startedMs = clock.nowMs()
    const text = `Loading ${formatModelName(name)}`
    const signature = await withDeadline(clock, this.ports.signature(resolved, context), context, text)
    return { inputs: inputs(signature), context: remaining(context, clock.nowMs() - startedMs, text) }
  }

  private async inferResolved(request: InferenceRequest): Promise<InferenceAnswer & { readonly model: ModelId }> {
    const model = request.resolved.digest
    try {
      return { ...(await this.ports.inference.infer(request)), model }
    } catch (error) {
      const loading = this.ports.loading(model)
      if (loading !== null && isHoldfastError(error)) this.loadingAtError.set(error, loading)
      throw error
    }
  }

  /** Null when nothing was under way for the model that the call failed for. */
  loadingAt(error: unknown): Loading | null {
    return isHoldfastError(error) ? (this.loadingAtError.get(error) ?? null) : null
  }

  signature(name: ModelName, context: RequestContext): Promise<ModelSignature> {
    return this.ports.within(context.tenant, async () => {
      const { resolved, left } = await this.resolve(name, context)
      const signature = this.ports.signature(resolved, left)
      return withDeadline(this.ports.clock, signature, left, `Loading ${formatModelName(name)}`)
    })
  }

  readiness(name: ModelName, context: RequestContext): Promise<Readiness> {
    return this.ports.within(context.tenant, async () => {
      const { resolved } = await this.resolve(name, context)
      return { ready: this.ports.isServable(resolved), loading: this.ports.loading(resolved.digest) }
    })
  }

  /** Where a request would run now, and why. */
  route(name: ModelName, context: RequestContext): Promise<RouteView> {
    return this.ports.within(context.tenant, async () => {
      const { resolved, left } = await this.resolve(name, context)
      return { model: resolved.digest, refAgeMs: resolved.ageMs, decision: this.ports.route(resolved, left) }
    })
  }

  /** The parts of the time that a request with so many inputs would take now. */
  predict(name: ModelName, context: RequestContext, batch: number): Promise<PredictionView> {
    return this.ports.within(context.tenant, async () => {
      const { resolved, left } = await this.resolve(name, context)
      return { model: resolved.digest, ...this.ports.predict(resolved, left, batch) }
    })
  }

  private async resolve(
    name: ModelName,
    context: RequestContext,
    entry?: string,
  ): Promise<{ readonly resolved: ResolvedModel; readonly left: RequestContext }> {
    const { clock } = this.ports
    this.ports.checkName(context.tenant, name)
    const startedMs = clock.nowMs()
    const text = `Looking up ${formatModelName(name)}`
    const found = await withDeadline(clock, this.resolveInTurn(name, context), context, text)
    const resolved = entry === undefined ? found : { ...found, ...withEntry(found.digest, found.manifest, entry) }
    return { resolved, left: remaining(context, clock.nowMs() - startedMs, text) }
  }

  /**
   * A name that nobody has costs a look at the origin and at peers: a caller that keeps asking for such waits behind its own failures. The
   * public is one tenant, so a caller is a tenant at an address.
   */
  private async resolveInTurn(name: ModelName, context: RequestContext): Promise<ResolvedModel> {
    const { tenant, deadlineMs, from = '' } = context
    if (this.ports.isKnown(name)) return this.resolveVersion(name)
    const resolved = await this.turns.take(`${tenant} ${from}`, deadlineMs, () => this.resolveVersion(name))
    if (resolved !== null) return resolved
    throw new HoldfastError('OVERLOADED', 'Too many names that nobody knows were asked for; try again later.')
  }

  /**
   * A tag; or a number that is none, but a folder of the model, as Triton lays out its versions. A folder of a model that is known does not
   * wait until the origin has said that there is no such tag: a tag that there is after all counts from the next call on.
   */
  private async resolveVersion(name: ModelName): Promise<ResolvedModel> {
    const { resolve, isKnown, lookUpBehind } = this.ports
    const isNumber = /^\d{1,18}$/.test(name.tag)
    if (isNumber && !isKnown(name) && isKnown({ ...name, tag: defaultTag })) {
      const version = await this.resolveFolder(name)
      if (version !== null) {
        lookUpBehind(name)
        return version
      }
    }
    try {
      return await resolve(name)
    } catch (error) {
      const version = isNumber && isHoldfastError(error, 'UNKNOWN_MODEL') ? await this.resolveFolder(name) : null
      if (version === null) throw error
      return version
    }
  }

  private async resolveFolder(name: ModelName): Promise<ResolvedModel | null> {
    const whole = await this.ports.resolve({ ...name, tag: defaultTag }).catch(() => null)
    const entry = whole === null ? null : versionFileOf(whole.manifest, name.tag)
    return whole === null || entry === null ? null : { ...whole, ...withEntry(whole.digest, whole.manifest, entry) }
  }
}
