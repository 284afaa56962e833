/**
 * What a node has seen of others that it forwards requests to: how long they usually take for a model, and which of them do not answer.
 *
 * A holder that is late is asked last from then on, until it answers; a while later one request may try it, and if that is in vain too,
 * the next waits twice as long. A holder that hangs keeps its connections and goes on being a member, so nothing else would tell.
 */
import type { ModelId, NodeId } from '../../common/index.ts'
import type { UsualTime } from '../../placement/index.ts'

export interface HolderRecordOptions {
  /** How long a holder that was late is passed over before it is tried again ... */
  readonly silenceMsMin: number
  /** ... doubled each time, up to this. */
  readonly silenceMsMax: number
  /** Weight of the newest of two measurements. */
  readonly smoothing: number
  /** Pairs of model and holder remembered. */
  readonly timesMax: number
}

export const defaultHolderRecordOptions: HolderRecordOptions = {
  silenceMsMin: 5_000,
  silenceMsMax: 60_000,
  smoothing: 0.2,
  timesMax: 10_000,
}

interface Silence {
  timesInRow: number
  untilMs: number
  /** A request tries it. */
  isTried: boolean
}

export class HolderRecord {
  private readonly options: HolderRecordOptions
  /** By model, and by model and node; the oldest first. */
  private readonly times = new Map<string, { meanMs: number; deviationMs: number }>()
  private readonly silences = new Map<NodeId, Silence>()
  private readonly answeredMs = new Map<NodeId, number>()

  constructor(options: Partial<HolderRecordOptions> = {}) {
    this.options = { ...defaultHolderRecordOptions, ...options }
  }

  /** Of the holder, else of any that was asked for the model; null when none has answered yet. */
  usual(model: ModelId, node: NodeId): UsualTime | null {
    return this.times.get(`${model} ${node}`) ?? this.times.get(model) ?? null
  }

  /** There are nodes to be asked last. */
  get knowsSilent(): boolean {
    return this.silences.size > 0
  }

  isSilent(node: NodeId, nowMs: number): boolean {
    const silence = this.silences.get(node)
    return silence !== undefined && (silence.isTried || nowMs < silence.untilMs)
  }

  hasAnsweredSince(node: NodeId, sinceMs: number): boolean {
    return (this.answeredMs.get(node) ?? Number.NEGATIVE_INFINITY) >= sinceMs
  }

  asked(node: NodeId): void {
    const silence = this.silences.get(node)
    if (silence !== undefined) silence.isTried = true
  }

  answered(model: ModelId, node: NodeId, elapsedMs: number, nowMs: number): void {
    this.spoke(node, nowMs)
    this.measured(model, elapsedMs)
    this.measured(`${model} ${node}`, elapsedMs)
  }

  /** It refused or failed the request: it is there. */
  spoke(node: NodeId, nowMs: number): void {
    this.silences.delete(node)
    this.answeredMs.delete(node)
    this.answeredMs.set(node, nowMs)
    forgetOldest(this.answeredMs, this.options.timesMax)
  }

  /** Several requests that wait for the same holder count once. */
  late(node: NodeId, nowMs: number): void {
    const { silenceMsMin, silenceMsMax, timesMax } = this.options
    const known = this.silences.get(node)
    if (known !== undefined && nowMs < known.untilMs) {
      known.isTried = false
      return
    }
    const timesInRow = (known?.timesInRow ?? 0) + 1
    const silenceMs = Math.min(silenceMsMax, silenceMsMin * 2 ** (timesInRow - 1))
    this.silences.set(node, { timesInRow, untilMs: nowMs + silenceMs, isTried: false })
    forgetOldest(this.silences, timesMax)
  }

  /** A request that tried it has ended without a word of it, before it was late. */
  leftUntried(node: NodeId): void {
    const silence = this.silences.get(node)
    if (silence !== undefined) silence.isTried = false
  }

  private measured(key: string, elapsedMs: number): void {
    const known = this.times.get(key)
    this.times.delete(key)
    if (known === undefined) this.times.set(key, { meanMs: elapsedMs, deviationMs: elapsedMs / 2 })
    else {
      const { smoothing } = this.options
      const offMs = elapsedMs - known.meanMs
      const deviationMs = known.deviationMs + smoothing * (Math.abs(offMs) - known.deviationMs)
      this.times.set(key, { meanMs: known.meanMs + smoothing * offMs, deviationMs })
    }
    forgetOldest(this.times, this.options.timesMax)
  }
}

function forgetOldest(map: Map<string, unknown>, sizeMax: number): void {
  const oldest = map.keys().next().value
  if (map.size > sizeMax && oldest !== undefined) map.delete(oldest)
}
