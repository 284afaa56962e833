/** Requests of callers, and what they and operators see of the node. Starts nothing. */
import { randomInt } from 'node:crypto'
import { runnableFileOf } from '../../origin/index.ts'
import { NodeViews } from '../admin/index.ts'
import type { NodeMetrics } from '../doors/metrics/index.ts'
import type { Readiness } from '../life/index.ts'
import { InferenceService, KeptProfile, ModelCalls, RecentRequests, RequestTiming } from '../requests/index.ts'
import type { NameAccess, RequestQuotas } from '../tenants/index.ts'
import type { Base } from './base.ts'
import { diskBytesPerS } from './cache.ts'
import type { Cluster } from './cluster.ts'
import type { Models } from './models.ts'
import type { OpenStore } from './store.ts'

export interface Requests {
  readonly inference: InferenceService
  readonly calls: ModelCalls
  readonly views: NodeViews
  /** For the status. */
  readonly recent: RecentRequests
  /** Times of loads and runs, kept over restarts. */
  readonly keptProfile: KeptProfile
}

export interface RequestsNeeds {
  readonly cluster: Cluster
  readonly open: OpenStore
  readonly models: Models
  readonly names: NameAccess
  readonly quotas: RequestQuotas
  readonly readiness: Readiness
  readonly metrics: NodeMetrics
}

export function createRequests(base: Base, needs: RequestsNeeds): Requests {
  const { options, clock, log } = base
  const recent = new RecentRequests(clock.nowMs())
  const timing = new RequestTiming(
    {
      clock,
      log,
      onTimed: (timed) => {
        recent.note(timed, { nowMs: clock.nowMs(), wallMs: clock.wallMs() })
        for (const [part, ms] of timed.parts) needs.metrics.requestPartSeconds.observe({ part }, ms / 1000)
      },
    },
    { slowMs: options['log.slowRequestMs'] },
  )
  const { models, readiness, metrics } = needs
  const { network, core, driver, demand, usableHolders } = needs.cluster
  const { store } = needs.open
  const { cache, directory, runtime, table, profile, hasOrigin } = models
  const inference = new InferenceService({
    network,
    core,
    driver,
    cache,
    runtime,
    times: profile,
    runBytesOf: ({ digest, manifest }) => {
      const file = runnableFileOf(manifest)
      return file === null ? null : (table.get(digest)?.form?.sizeBytes ?? file.sizeBytes)
    },
    memoryLimitBytes: () => store.stats().tiers.memory.limitBytes,
    diskBytesPerS,
    hasOrigin,
    onServed: ({ servedFrom, elapsedMs }) => {
      metrics.requests.inc({ served_from: servedFrom })
      metrics.requestSeconds.observe({ served_from: servedFrom }, elapsedMs / 1000)
    },
    onRefused: () => metrics.unreachableDeadlines.inc({ where: 'door' }),
    onPredicted: (part, predictedMs, actualMs) => {
      // Less than a millisecond is the clock's, not the prediction's.
      metrics.predictionError.observe({ part }, Math.abs(actualMs - predictedMs) / Math.max(1, actualMs))
    },
    onHolderLacks: () => metrics.staleAdverts.inc({ what: 'request' }),
    isDraining: () => readiness.isDraining,
    timing,
    randomInt: (bound) => randomInt(bound),
    clock,
    log,
  })
  const calls = new ModelCalls({
    inference,
    within: (tenant, work) => needs.quotas.during(tenant, work),
    checkName: (tenant, name) => needs.names.check(tenant, { kind: 'name', name }),
    resolve: (name) => directory.resolveAtOnce(name),
    isKnown: (name) => directory.knownRef(name) !== null,
    lookUpBehind: (name) => directory.lookUpBehind(name),
    signature: async (resolved, context) =>
      cache.signatureOf(resolved.digest) ??
      (await cache.ensureRunnable(resolved.digest, resolved.manifest, context)).signature,
    isServable: ({ digest }) => cache.isRunnable(digest) || usableHolders(digest).some(({ tier }) => tier !== 'disk'),
    route: (resolved, context) => inference.route(resolved, context),
    predict: (resolved, context, batch) => inference.predict(resolved, context, batch),
    loading: (model) => cache.loading(model),
    timing,
    clock,
  })
  const ratePerS = (model: string) => demand.ratePerS(model, clock.nowMs())
  const views = new NodeViews({ self: network.self, core, directory, table, cache, ratePerS, clock })
  const keptProfile = new KeptProfile({ state: base.state, profile, clock, log })
  return { inference, calls, views, recent, keptProfile }
}
