/** The models of the node: names, runtime, derived blobs and the cache over them. Starts nothing. */
import { EventEmitter } from 'node:events'
import { byTier, evictionPolicyNames, HoldfastError, type LocalTier } from '../../common/index.ts'
import { LoadProfile, quotasIn, type TenantReader, weightIn } from '../../core/index.ts'
import { runnableFileOf } from '../../origin/index.ts'
import { createEvictionPolicy, type EvictionPolicy, isEvictionPolicyName } from '../../placement/index.ts'
import { type AdminCache, adminCache } from '../admin/index.ts'
import type { NodeOptions } from '../config/index.ts'
import type { NodeMetrics } from '../doors/metrics/index.ts'
import { DerivedForms, type ModelCache, ModelTable, ServedChunks } from '../models/index.ts'
import type { Runtime } from '../ports/index.ts'
import { ConfinementLog, createOnnxRuntime } from '../runtime/index.ts'
import type { Base } from './base.ts'
import { createCache, isRunnable, type ModelEvents } from './cache.ts'
import type { Cluster } from './cluster.ts'
import { createNames, type Names } from './names.ts'
import type { PinChecks } from './pin-checks.ts'
import type { OpenStore } from './store.ts'

export interface Models extends Names {
  readonly runtime: Runtime
  /** Rights that the processes which convert and run models have given up. */
  readonly confinement: ConfinementLog
  readonly table: ModelTable
  readonly derivedForms: DerivedForms
  /** Chunks for peers. */
  readonly served: ServedChunks
  readonly policies: Readonly<Record<LocalTier, EvictionPolicy>>
  readonly profile: LoadProfile
  readonly cache: ModelCache
  /** The same, as operators and placement name the tiers. */
  readonly tiers: AdminCache
  readonly events: ModelEvents
  readonly hasOrigin: boolean
}

export function createModels(
  base: Base,
  cluster: Cluster,
  open: OpenStore,
  pinned: PinChecks,
  metrics: NodeMetrics,
): Models {
  const confinement = new ConfinementLog(base.log)
  const runtime = createRuntime(base, open, metrics, confinement, cluster.core.tenantRecords)
  const names = createNames(base, cluster)
  const table = new ModelTable(open.store)
  const derivedForms = new DerivedForms(
    {
      store: open.store,
      runtime,
      state: base.state,
      runnableFile: ({ manifest }) => runnableFileOf(manifest),
    },
    { scratchPath: base.paths.scratchPath, verifiesReads: base.options['disk.verifyReads'] },
  )
  const policy = evictionPolicyName(base.options)
  const policies = byTier(() => createEvictionPolicy(policy))
  const parts = { ...names, runtime, confinement, table, derivedForms, policies, profile: new LoadProfile() }
  const events: ModelEvents = new EventEmitter()
  const onDamaged = () => metrics.verificationFailures.inc({ source: 'local' })
  const cache = createCache(base, cluster, open, { ...parts, pinned, events, onDamaged })
  const served = new ServedChunks(
    { table, store: open.store, onDamaged, log: base.log },
    { verifiesReads: base.options['disk.verifyReads'] },
  )
  return {
    ...parts,
    served,
    cache,
    tiers: adminCache({ cache, table, isRunnable }),
    events,
    hasOrigin: names.origin !== null,
  }
}

function createRuntime(
  { options, paths, clock, log }: Base,
  { token }: OpenStore,
  metrics: NodeMetrics,
  confinement: ConfinementLog,
  tenants: TenantReader,
): Runtime {
  return createOnnxRuntime({
    queueOrder: { weightOf: (tenant) => weightIn(tenants, tenant) },
    queuedMaxOf: (tenant) => quotasIn(tenants, tenant)?.queuedMax ?? null,
    clock,
    socketPath: paths.socketPath,
    storeToken: token,
    workerCount: options['runtime.workerCount'],
    intraOpThreads: options['runtime.threads'],
    threadsPerCoreMax: options['runtime.threadsPerCoreMax'],
    conversionsMax: options['runtime.conversionsMax'],
    conversionBytesMax: options['runtime.conversionBytesMax'],
    answerBytesMax: options['http.answerLimitBytes'],
    deriveMsMax: options['runtime.conversionTimeoutMs'],
    deriveBaseMs: options['runtime.conversionBaseMs'],
    deriveBaseBytes: options['runtime.conversionBaseBytes'],
    inferenceMsMax: options['runtime.runTimeoutMs'],
    overtimeMs: options['runtime.overtimeMs'],
    runBytesMax: options['runtime.runBytesMax'],
    isConfined: options['runtime.confined'],
    queuedMax: options['runtime.queueMax'],
    queuedPerModelMax: options['runtime.queuePerModelMax'],
    onLate: () => metrics.unreachableDeadlines.inc({ where: 'queue' }),
    onConfined: (kind, given) => confinement.note(kind, given),
    onWorkerDied(reason, restartDelayMs) {
      metrics.workerDeaths.inc()
      log.warn({ reason, restartDelayMs }, 'a worker of the runtime died and is replaced')
    },
  })
}

function evictionPolicyName(options: NodeOptions) {
  const name = options['placement.eviction']
  if (isEvictionPolicyName(name)) return name
  throw new HoldfastError(
    'BAD_CONFIG',
    `placement.eviction is ${name}; it has to be one of ${evictionPolicyNames.join(', ')}.`,
  )
}
