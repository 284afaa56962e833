/** Metrics of how weights come to this node, and of what nodes say that they have. */
import { Counter, type Registry } from 'prom-client'

export interface FetchMetrics {
  readonly fetchedBytes: Counter<'source'>
  readonly repeatedBytes: Counter<'source'>
  readonly fetches: Counter<'outcome'>
  readonly chunkFailures: Counter<'source' | 'failure'>
  readonly verificationFailures: Counter<'source'>
  readonly staleAdverts: Counter<'what'>
  readonly withdrawnAdverts: Counter
}

export function createFetchMetrics(registry: Registry): FetchMetrics {
  const metrics = createCounters([registry])
  // A rate over a counter that begins with its first failure misses that failure.
  for (const source of ['peer', 'origin', 'local']) metrics.fetchedBytes.inc({ source }, 0)
  for (const source of ['peer', 'origin', 'local', 'disk']) metrics.verificationFailures.inc({ source }, 0)
  for (const what of ['chunk', 'request']) metrics.staleAdverts.inc({ what }, 0)
  return metrics
}

function createCounters(registers: Registry[]): FetchMetrics {
  return {
    fetchedBytes: new Counter({
      name: 'holdfast_fetched_bytes_total',
      help: 'Verified bytes of weights brought to this node, by source; local: they were here, from an interrupted fetch or another model.',
      labelNames: ['source'],
      registers,
    }),
    repeatedBytes: new Counter({
      name: 'holdfast_repeated_bytes_total',
      help: 'Verified bytes that came though another source had brought them before, by source.',
      labelNames: ['source'],
      registers,
    }),
    fetches: new Counter({
      name: 'holdfast_fetches_total',
      help: 'Fetches of models that have ended, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    chunkFailures: new Counter({
      name: 'holdfast_chunk_failures_total',
      help: 'Chunks that a source did not deliver, by source and failure.',
      labelNames: ['source', 'failure'],
      registers,
    }),
    verificationFailures: new Counter({
      name: 'holdfast_verification_failures_total',
      help: 'Bytes that had another digest than announced and were not kept, by source; local: of another blob here; disk: found by verify.',
      labelNames: ['source'],
      registers,
    }),
    staleAdverts: new Counter({
      name: 'holdfast_stale_adverts_total',
      help: 'Peers that said they have a model and lacked it when asked for a chunk of it, or for an answer.',
      labelNames: ['what'],
      registers,
    }),
    withdrawnAdverts: new Counter({
      name: 'holdfast_withdrawn_adverts_total',
      help: 'Models that this node had told others to have, and told them it has no more.',
      registers,
    }),
  }
}
