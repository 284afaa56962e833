/**
 * The fetches of a node, those under way and the last ones that ended, with the timeline of each. It only looks: give it every event
 * and its effects after each step of the core, in the daemon and in the simulator alike. Bounded in all that it keeps.
 */
import { assertInvariant, type ModelId, type NodeId } from '../../common/index.ts'
import type { Effect, Event } from '../events.ts'
import type { Failure } from '../failure.ts'
import { FetchRecord, type FetchRecordOptions } from './fetch-record.ts'
import type { FetchState, FetchSummary, FetchTimeline } from './fetch-views.ts'
import { defaultTimelineOptions } from './timeline.ts'

export interface FetchHistoryOptions extends FetchRecordOptions {
  /** Fetches that have ended and are still told of. */
  readonly endedMax: number
}

export const defaultFetchHistoryOptions: FetchHistoryOptions = {
  ...defaultTimelineOptions,
  sourcesMax: 128,
  endedMax: 64,
}

/** The outcome of one step. */
export interface FetchNews {
  /** Fetches that it ended. */
  readonly ended: readonly FetchSummary[]
  /** Bytes of the chunk that it brought, if they were new here. */
  readonly newBytes: number
}

const noNews: FetchNews = { ended: [], newBytes: 0 }

export class FetchHistory {
  private readonly options: FetchHistoryOptions
  private readonly running = new Map<ModelId, FetchRecord>()
  private readonly ended: FetchRecord[] = []
  private lastId = 0

  constructor(options: Partial<FetchHistoryOptions> = {}) {
    this.options = { ...defaultFetchHistoryOptions, ...options }
  }

  observe(event: Event, effects: readonly Effect[]): FetchNews {
    if (this.running.size === 0 && event.kind !== 'fetch') return noNews
    const ended: FetchSummary[] = []
    const newBytes = this.onEvent(event, ended)
    for (const effect of effects) this.onEffect(effect, event.nowMs, ended)
    return ended.length === 0 && newBytes === 0 ? noNews : { ended, newBytes }
  }

  /** The last one to begin comes first. */
  list(nowMs: number): FetchSummary[] {
    return [...this.running.values(), ...this.ended].sort((a, b) => b.id - a.id).map((record) => record.summary(nowMs))
  }

  /** null when it is not known, or not known any more. */
  get(id: number, nowMs: number): FetchTimeline | null {
    const all = [...this.running.values(), ...this.ended]
    return all.find((record) => record.id === id)?.view(nowMs) ?? null
  }

  private onEvent(event: Event, ended: FetchSummary[]): number {
    const { nowMs } = event
    switch (event.kind) {
      case 'fetch':
        this.begin(event.model, nowMs).add(event.chunks, event.localBytes ?? 0)
        return 0
      case 'chunk-done':
        return this.running.get(event.model)?.came(event.chunk, event.source, nowMs) ?? 0
      case 'chunk-failed':
        this.running.get(event.model)?.failed(event.chunk, event.source, event.failure, nowMs)
        return 0
      case 'peer-down':
        if (event.isSpare !== true) this.changed(event.node, 'lost', nowMs)
        return 0
      case 'ban-changed':
        this.changed(event.node, event.banned ? 'lost' : 'back', nowMs)
        return 0
      case 'peer-up':
        this.changed(event.node, 'back', nowMs)
        return 0
      case 'fetch-cancelled':
        this.end(event.model, 'cancelled', event.failure ?? null, nowMs, ended)
        return 0
      default:
        return 0
    }
  }

  private onEffect(effect: Effect, nowMs: number, ended: FetchSummary[]): void {
    switch (effect.kind) {
      case 'get-chunk':
        this.running.get(effect.model)?.asked(effect.chunk, effect.source, effect.why, nowMs)
        return
      case 'drop-chunk':
        this.running.get(effect.model)?.dropped(effect.chunk.sha256, effect.source, nowMs)
        return
      case 'distrust':
        this.changed(effect.node, 'distrusted', nowMs)
        return
      case 'fetch-complete':
        this.end(effect.model, 'complete', null, nowMs, ended)
        return
      case 'fetch-failed':
        this.end(effect.model, 'failed', { code: effect.code, message: effect.message }, nowMs, ended)
    }
  }

  private changed(node: NodeId, change: 'lost' | 'distrusted' | 'back', nowMs: number): void {
    for (const record of this.running.values()) record.changed(node, change, nowMs)
  }

  private begin(model: ModelId, nowMs: number): FetchRecord {
    const running = this.running.get(model)
    if (running !== undefined) return running
    this.lastId += 1
    const record = new FetchRecord(this.lastId, model, nowMs, this.options)
    this.running.set(model, record)
    return record
  }

  private end(
    model: ModelId,
    state: Exclude<FetchState, 'running'>,
    failure: Failure | null,
    nowMs: number,
    ended: FetchSummary[],
  ): void {
    const record = this.running.get(model)
    if (record === undefined) return
    record.end(state, failure === null ? null : { code: failure.code, message: failure.message }, nowMs)
    this.running.delete(model)
    this.ended.push(record)
    this.ended.splice(0, this.ended.length - this.options.endedMax)
    assertInvariant(this.ended.length <= this.options.endedMax, 'the history is bounded')
    ended.push(record.summary(nowMs))
  }
}
