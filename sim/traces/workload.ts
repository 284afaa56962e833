/**
 * Requests for models from a seed, for those without a trace, and for cases that no trace has.
 *
 * Popularity follows Zipf's law. A model is asked for by a timer, in bursts or at random (Poisson); on top of that come a daily
 * rhythm, flash crowds on models that hardly anyone wanted before, and models that are pushed while the trace runs, are much
 * asked for at first and then less. Proportions follow the Azure Functions trace (Shahrad et al., USENIX ATC 2020): a third of
 * the functions on timers, most of the others far burstier than chance.
 *
 * Every model draws from generators of its own, so one more model changes nothing for the others.
 */
import type { Prng } from '../../common/index.ts'
import { sortTrace, type Trace, TraceBuilder, type TraceModel } from './trace.ts'

export interface WorkloadOptions {
  readonly modelCount: number
  readonly durationMs: number
  /** Expected, over all models. */
  readonly requestCount: number
  /** Exponent of Zipf's law; public traces of models lie between 0.9 and 1.9. */
  readonly zipfExponent: number
  /** Shares of models, in percent; the rest is Poisson. */
  readonly timerPercent: number
  readonly burstPercent: number
  /** Models that appear after the start, in percent. */
  readonly newPercent: number
  /** How deep the night is: 0 none, 1 silence. */
  readonly nightDepth: number
  readonly flashCrowdCount: number
}

export const defaultWorkloadOptions: WorkloadOptions = {
  modelCount: 120,
  durationMs: 24 * 3_600_000,
  requestCount: 60_000,
  zipfExponent: 1.1,
  timerPercent: 30,
  burstPercent: 45,
  newPercent: 15,
  nightDepth: 0.7,
  flashCrowdCount: 2,
}

const minuteMs = 60_000
const dayMs = 24 * 3_600_000
/** A flash crowd: for a quarter of an hour a model gets half as many requests as all models do on average. */
const crowdMs = 15 * minuteMs
const crowdShare = 0.5
/** The wave of interest in a new model halves every three hours. */
const noveltyHalfLifeMs = 3 * 3_600_000
const noveltyGain = 5

interface Demand {
  readonly prng: Prng
  readonly startMs: number
  readonly endMs: number
  readonly ratePerMs: number
  /** The rate at a moment, as a share of the highest. */
  readonly shareAt: (timeMs: number) => number
  readonly emit: (timeMs: number) => void
}

export function generateWorkload(prng: Prng, given: Partial<WorkloadOptions> = {}): Trace {
  const options = { ...defaultWorkloadOptions, ...given }
  const { modelCount, durationMs } = options
  const weights = Array.from({ length: modelCount }, (_, rank) => (rank + 1) ** -options.zipfExponent)
  const weightSum = weights.reduce((sum, weight) => sum + weight, 0)
  const builder = new TraceBuilder()
  const models = weights.map((weight, rank) => {
    const name = `model_${String(rank).padStart(4, '0')}`
    const ratePerMs = (options.requestCount / durationMs) * (weight / weightSum)
    emitModel(prng.child(name), options, ratePerMs, (timeMs) => builder.add(rank, timeMs))
    return drawModel(name, prng.child(`${name} itself`))
  })
  emitCrowds(prng.child('flash crowds'), options, builder)
  return sortTrace(builder.build(models))
}

/** Sizes between 14 MB and 1 GB, evenly on a logarithmic scale; load times of 2 to 20 s that hardly follow size, as measured. */
export function drawModel(name: string, prng: Prng): TraceModel {
  const sizeShare = prng.float()
  const sizeBytes = Math.round(14e6 * (1e9 / 14e6) ** sizeShare)
  return { name, sizeBytes, loadMs: 2000 * 10 ** (0.2 * sizeShare + 0.8 * prng.float()) }
}

function emitModel(prng: Prng, options: WorkloadOptions, ratePerMs: number, emit: (timeMs: number) => void): void {
  const { durationMs, nightDepth, timerPercent, burstPercent } = options
  const isNew = prng.chance(options.newPercent, 100)
  const startMs = isNew ? prng.float() * 0.8 * durationMs : 0
  const noonMs = prng.float() * dayMs * 0.2
  const gain = isNew ? noveltyGain : 1
  const shareAt = (timeMs: number) => {
    const day = 1 - nightDepth * (0.5 - 0.5 * Math.cos((2 * Math.PI * (timeMs - noonMs)) / dayMs))
    const novelty = isNew ? (1 + (gain - 1) * 2 ** (-(timeMs - startMs) / noveltyHalfLifeMs)) / gain : 1
    return day * novelty
  }
  const demand: Demand = { prng, startMs, endMs: durationMs, ratePerMs: ratePerMs * gain, shareAt, emit }
  const kind = prng.int(100)
  if (kind < timerPercent) emitTimer({ ...demand, ratePerMs })
  else if (kind < timerPercent + burstPercent) emitBursts(demand)
  else emitPoisson(demand, startMs, durationMs)
}

/** Every so many minutes, hardly late; timers do not sleep at night. */
function emitTimer({ prng, startMs, endMs, ratePerMs, emit }: Demand): void {
  const periodMs = Math.max(1000, Math.ceil(1 / ratePerMs / minuteMs) * minuteMs)
  const callCount = Math.max(1, Math.round(ratePerMs * periodMs))
  for (let dueMs = startMs + prng.float() * periodMs; dueMs < endMs; dueMs += periodMs) {
    for (let call = 0; call < callCount; call++) {
      const timeMs = dueMs + prng.float() * 2000
      if (timeMs < endMs) emit(timeMs)
    }
  }
}

/** Sessions of work: many requests within minutes, then nothing for hours. Silence is drawn with a heavy tail. */
function emitBursts(demand: Demand): void {
  const { prng, startMs, endMs } = demand
  const onShare = 0.05 + 0.25 * prng.float()
  const onMsMean = 2 * minuteMs * 10 ** prng.float()
  const offMsMean = onMsMean * (1 / onShare - 1)
  const busy = { ...demand, ratePerMs: demand.ratePerMs / onShare }
  let nowMs = startMs + (prng.chance(1, 4) ? 0 : paretoMs(prng, offMsMean))
  while (nowMs < endMs) {
    const untilMs = Math.min(endMs, nowMs + exponentialMs(prng, onMsMean))
    emitPoisson(busy, nowMs, untilMs)
    nowMs = untilMs + paretoMs(prng, offMsMean)
  }
}

/** A Poisson process whose rate varies, by thinning one with the highest rate. */
function emitPoisson({ prng, ratePerMs, shareAt, emit }: Demand, fromMs: number, untilMs: number): void {
  let timeMs = fromMs + exponentialMs(prng, 1 / ratePerMs)
  while (timeMs < untilMs) {
    if (prng.float() < shareAt(timeMs)) emit(timeMs)
    timeMs += exponentialMs(prng, 1 / ratePerMs)
  }
}

function emitCrowds(prng: Prng, options: WorkloadOptions, builder: TraceBuilder): void {
  const { flashCrowdCount, modelCount, durationMs, requestCount } = options
  for (let crowd = 0; crowd < flashCrowdCount; crowd++) {
    const model = modelCount - 1 - prng.int(Math.max(1, modelCount >> 1))
    const fromMs = prng.float() * Math.max(0, durationMs - crowdMs)
    const ratePerMs = (requestCount / durationMs) * crowdShare
    const emit = (timeMs: number) => builder.add(model, timeMs)
    const demand: Demand = { prng, startMs: fromMs, endMs: durationMs, ratePerMs, shareAt: () => 1, emit }
    emitPoisson(demand, fromMs, Math.min(durationMs, fromMs + crowdMs))
  }
}

function exponentialMs(prng: Prng, meanMs: number): number {
  return -Math.log(1 - prng.float()) * meanMs
}

/** Pareto with exponent 1.5: its mean is three times its least value. */
function paretoMs(prng: Prng, meanMs: number): number {
  return (meanMs / 3) * (1 - prng.float()) ** (-1 / 1.5)
}
