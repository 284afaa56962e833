/** The fetches of this node as people see them, as plain data for HTTP and the command line. */
import { HoldfastError, type ModelId } from '../../common/index.ts'
import type { FetchHistory, FetchSummary, FetchTimeline } from '../../core/index.ts'
import type { Ref } from '../../origin/index.ts'
import type { Clock } from '../system/index.ts'

export interface FetchView extends Omit<FetchSummary, 'startedMs'> {
  readonly names: readonly string[]
  /** In milliseconds since 1970. */
  readonly startedAtMs: number
}

export interface FetchTimelineView extends Omit<FetchTimeline, 'fetch'> {
  readonly fetch: FetchView
}

export function unknownFetch(id: string): HoldfastError {
  return new HoldfastError('UNKNOWN_FETCH', `This node does not know a fetch ${JSON.stringify(id)}.`)
}

export interface FetchViewsPorts {
  readonly history: Pick<FetchHistory, 'list' | 'get'>
  /** Names that this node knows, and what they mean. */
  readonly names: () => Iterable<{ readonly name: string; readonly ref: Pick<Ref, 'manifest'> }>
  readonly clock: Clock
}

export class FetchViews {
  private readonly ports: FetchViewsPorts

  constructor(ports: FetchViewsPorts) {
    this.ports = ports
  }

  /** The last one to begin comes first. */
  list(): FetchView[] {
    const { history, clock } = this.ports
    return history.list(clock.nowMs()).map((fetch) => this.view(fetch))
  }

  /** UNKNOWN_FETCH. */
  get(id: string): FetchTimelineView {
    const { history, clock } = this.ports
    const timeline = /^\d{1,15}$/.test(id) ? history.get(Number(id), clock.nowMs()) : null
    if (timeline !== null) return { ...timeline, fetch: this.view(timeline.fetch) }
    throw unknownFetch(id)
  }

  /** Sorted. */
  namesOf(model: ModelId): string[] {
    return [...this.ports.names()].flatMap(({ name, ref }) => (ref.manifest === model ? [name] : [])).sort()
  }

  private view({ startedMs, ...fetch }: FetchSummary): FetchView {
    const { clock } = this.ports
    const startedAtMs = Math.round(clock.wallMs() - (clock.nowMs() - startedMs))
    return { ...fetch, names: this.namesOf(fetch.model), startedAtMs }
  }
}
