/** The fetches of this node as people and metrics see them. Starts nothing. */
import type { ModelId } from '../../common/index.ts'
import { type Effect, type Event, FetchHistory, type FetchSummary } from '../../core/index.ts'
import { FetchViews } from '../admin/index.ts'
import type { NodeMetrics } from '../doors/metrics/index.ts'
import type { Log } from '../system/index.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Models } from './models.ts'

export function createFetches(
  { options, clock, log }: Base,
  { driver }: Cluster,
  { directory }: Models,
  metrics: NodeMetrics,
): FetchViews {
  const history = new FetchHistory({
    endedMax: options['fetches.keptMax'],
    entriesMax: options['fetches.entriesMax'],
  })
  const views = new FetchViews({ history, names: () => directory.knownNames(), clock })
  const countAdverts = advertCounter(metrics)
  driver.onStep((event, effects) => {
    const { ended, newBytes } = history.observe(event, effects)
    countChunks(metrics, event, newBytes)
    for (const effect of effects) countAdverts(effect)
    for (const fetch of ended) {
      metrics.fetches.inc({ outcome: fetch.state })
      logEnded(log, fetch, views.namesOf(fetch.model))
    }
  })
  return views
}

function countChunks(metrics: NodeMetrics, event: Event, newBytes: number): void {
  if (event.kind === 'chunk-done') {
    const source = event.source.kind
    if (newBytes > 0) metrics.fetchedBytes.inc({ source }, newBytes)
    else metrics.repeatedBytes.inc({ source }, event.sizeBytes)
  }
  if (event.kind !== 'chunk-failed') return
  const { failure } = event
  const source = event.source.kind
  metrics.chunkFailures.inc({ source, failure })
  if (failure === 'mismatch') metrics.verificationFailures.inc({ source })
}

/** Counts what was in the last list of models that went out, and is not in the next. */
function advertCounter(metrics: NodeMetrics): (effect: Effect) => void {
  let advertised = new Set<ModelId>()
  return (effect) => {
    if (effect.kind !== 'publish' || effect.signed.entry.kind !== 'residency') return
    const { models, fetching = [] } = effect.signed.entry.body
    const next = new Set([...models.map(({ model }) => model), ...fetching])
    metrics.withdrawnAdverts.inc([...advertised].filter((model) => !next.has(model)).length)
    advertised = next
  }
}

function logEnded(log: Log, fetch: FetchSummary, names: readonly string[]): void {
  const { id, model, state, elapsedMs, totalBytes, doneBytes, localBytes, bytesPerS, failure } = fetch
  const sum = (kind: 'peer' | 'origin') =>
    fetch.sources.reduce((bytes, { source, bytes: own }) => bytes + (source === kind ? own : 0), 0)
  const failures = fetch.sources.flatMap(({ failures: counts }) => Object.entries(counts))
  const told = {
    fetch: id,
    model,
    ...(names.length === 0 ? {} : { names }),
    state,
    seconds: elapsedMs / 1_000,
    bytes: doneBytes,
    ...(doneBytes === totalBytes ? {} : { totalBytes }),
    fromPeers: sum('peer'),
    fromOrigin: sum('origin'),
    local: localBytes,
    bytesPerS,
    peers: fetch.sources.filter(({ source, bytes }) => source === 'peer' && bytes > 0).length,
    failures: failures.reduce((count, [, times]) => count + times, 0),
    ...(failure === null ? {} : { code: failure.code, error: failure.message }),
  }
  log[state === 'failed' ? 'warn' : 'info'](told, 'a fetch has ended')
}
