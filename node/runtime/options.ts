/** What can be set about the runtime, each with its default and the reason for it. */
import { availableParallelism } from 'node:os'
import type { Clock } from '../../common/index.ts'
import type { WorkQueueOptions } from '../../placement/index.ts'
import type { ChildConfinement } from '../ports/index.ts'
import type { ChildKind } from './confinement-log.ts'
import type { ThreadBudget } from './session-threads.ts'

export interface OnnxRuntimeOptions {
  readonly clock: Clock
  /** Unix socket of this machine's store, where worker processes map the weights. */
  readonly socketPath: string
  /** Token that the worker processes show the store; it never stands in their arguments, which everybody sees. Empty: none. */
  readonly storeToken: string
  /** URL of a module with `createOpenWeights`; the default maps from the store at `socketPath`. */
  readonly weightsModule: string
  /** Processes that run models, each with its own session over the same weights. One, as a session uses all its threads. */
  readonly workerCount: number
  /** Threads of one session; 0 shares the machine's cores among the workers. */
  readonly intraOpThreads: number
  /** Of all workers: beyond it, sessions have no threads of their own. */
  readonly threadsPerCoreMax: number
  /** Requests that may wait in total. 256 of a 0.6 MB image are 150 MB. */
  readonly queuedMax: number
  /** Requests that may wait for one model: a quarter, so that four busy models still share. */
  readonly queuedPerModelMax: number
  /** Requests of one tenant that may wait; null where it has no quota. */
  readonly queuedMaxOf: (tenant: string) => number | null
  /** How tenants share the workers, and how the urgent goes first. */
  readonly queueOrder: Partial<WorkQueueOptions>
  /** One inference may compute this long before its worker counts as hung and is killed. Far beyond any model for one request. */
  readonly inferenceMsMax: number
  /** A run may go on for so long after its request has ended; ending its worker would cost the others a new one. */
  readonly overtimeMs: number
  /** Private memory that one run, or the making of one session beside its copy of the weights, may take. */
  readonly runBytesMax: number
  /** Child processes give up network, files and priority as far as the kernel can take it from them. */
  readonly isConfined: boolean
  /** The worker of models under suspicion ends when it had no work for so long. */
  readonly apartIdleMs: number
  /** Bytes of the tensors of one answer; what is larger does not leave the worker. */
  readonly answerBytesMax: number
  /** A conversion may take this long. VGG-16 (528 MiB) takes 9 s. */
  readonly deriveMsMax: number
  /** Of a small model; each MiB adds a second, up to the limit above. */
  readonly deriveBaseMs: number
  /** Private memory of one conversion, beside four times its model. */
  readonly deriveBaseBytes: number
  /** Models that are converted at one time, each in a process of its own, which uses one core. */
  readonly conversionsMax: number
  /** Memory of all conversions together, by an estimate from the size of the models; one that needs more runs alone. */
  readonly conversionBytesMax: number
  /** Wait before the second restart of a worker that keeps dying; the first one is immediate and later waits double. */
  readonly restartDelayMsMin: number
  /** Short enough that a repaired machine is back before anyone looks. */
  readonly restartDelayMsMax: number
  /** Running inferences may take this long to end when the runtime stops. */
  readonly stopGraceMs: number
  /** For the log and the metrics: a worker died and will be replaced after the delay. */
  readonly onWorkerDied: (reason: string, restartDelayMs: number) => void
  /** For the metrics: a request was not begun, because it could not end in time any more. */
  readonly onLate: () => void
  /** Called with the rights that a child process has given up, before it touches a model. */
  readonly onConfined: (kind: ChildKind, confinement: ChildConfinement) => void
}

export const defaultOnnxRuntimeOptions = {
  weightsModule: new URL(`./store-weights${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)
    .href,
  storeToken: '',
  workerCount: 1,
  intraOpThreads: 0,
  threadsPerCoreMax: 4,
  queuedMax: 256,
  queuedPerModelMax: 64,
  queuedMaxOf: () => null,
  queueOrder: {},
  inferenceMsMax: 60_000,
  overtimeMs: 500,
  runBytesMax: 2 ** 30,
  isConfined: true,
  apartIdleMs: 60_000,
  answerBytesMax: 128 * 2 ** 20,
  deriveMsMax: 600_000,
  deriveBaseMs: 60_000,
  deriveBaseBytes: 2 ** 30,
  conversionsMax: 1,
  conversionBytesMax: 2 ** 31,
  restartDelayMsMin: 100,
  restartDelayMsMax: 10_000,
  stopGraceMs: 5_000,
  onWorkerDied: () => {},
  onLate: () => {},
  onConfined: () => {},
} satisfies Omit<OnnxRuntimeOptions, 'clock' | 'socketPath'>

/** Threads that a worker process has without a session: its own, the engine's, the library's and the store client's. */
const workerThreads = 7

/** Shares the cores among the workers, and the threads that there may be. */
export function threadBudgetOf(
  options: Pick<OnnxRuntimeOptions, 'intraOpThreads' | 'workerCount' | 'threadsPerCoreMax'>,
): ThreadBudget {
  const { intraOpThreads, workerCount, threadsPerCoreMax } = options
  const cores = availableParallelism()
  const wanted = intraOpThreads > 0 ? intraOpThreads : Math.max(1, Math.floor(cores / workerCount))
  const poolThreadsMax = Math.floor((threadsPerCoreMax * cores) / workerCount) - workerThreads
  return { wanted, poolThreadsMax: Math.max(0, poolThreadsMax) }
}
