/**
 * What requests teach of times on this node: starts, transfers and runs go to the profile of loads, and how good their predictions were to
 * the metrics.
 */
import type { Source } from '../../common/index.ts'
import { type RouteChoice, transferMs } from '../../placement/index.ts'
import { diskMs } from '../models/copy-worth.ts'
import type { Asked, RequestEvent, RequestMachinePorts } from './types.ts'

type Brought = Extract<RequestEvent, { kind: 'brought' }>

export interface ExpectedLoad {
  /** Time to bring the model; null when it is not known, or when the model can run at once. */
  readonly bringMs: number | null
  /** The part of it that is the way of the bytes, by latency and bandwidth alone; null where they are not fetched. */
  readonly transferMs: number | null
  readonly wasReady: boolean
  /** Another request that waited for the same load has told what it took. */
  isNoted: boolean
}

export class LearnedTimes {
  private readonly ports: Pick<RequestMachinePorts, 'models' | 'node' | 'times' | 'notePrediction'>

  constructor(ports: Pick<RequestMachinePorts, 'models' | 'node' | 'times' | 'notePrediction'>) {
    this.ports = ports
  }

  /** @param runMs expected time after the model is there: the queue and the run. */
  expectedLoad(asked: Asked, decision: RouteChoice | null, runMs: number): ExpectedLoad {
    const { models, times } = this.ports
    const via = decision?.via
    return {
      bringMs: decision === null ? null : Math.max(0, decision.expectedMs - runMs),
      transferMs: via === undefined ? null : transferMs(asked.sizeBytes, via) / times.transferFactor(via.source),
      wasReady: models.isReady(asked.model),
      isNoted: false,
    }
  }

  /** How good the expectation was. Each request that waited for the load tells of its own. */
  loadEnded({ bringMs }: ExpectedLoad, source: Source, elapsedMs: number): void {
    if (bringMs !== null) this.ports.notePrediction?.(`load-${source}`, bringMs, elapsedMs)
  }

  /**
   * Once for each load, however many wait for it. The time of a start is learned where nothing had to be fetched, or where it was measured
   * apart. Reading the disk is known, and left out.
   */
  loaded(asked: Asked, load: ExpectedLoad, { source, parts }: Brought, elapsedMs: number, nowMs: number): void {
    const { times, node } = this.ports
    if (source === 'peer' || source === 'origin') {
      if (parts === undefined) return
      if (parts.initMs > 0) times.noteInit(asked.model, parts.initMs, nowMs)
      if (load.transferMs !== null && parts.fetchMs > 0) times.noteTransfer(source, load.transferMs, parts.fetchMs)
      return
    }
    const readMs = source === 'disk' ? diskMs(asked.sizeBytes, node.diskBytesPerS) : 0
    times.noteInit(asked.model, Math.max(0, elapsedMs - readMs), nowMs)
  }

  ran({ model, batch = 1 }: Asked, executeMs: number, nowMs: number): void {
    const { times, notePrediction } = this.ports
    const predictedMs = times.executeMs(model, batch)
    if (predictedMs > 0) notePrediction?.('execute', predictedMs, executeMs)
    times.noteExecute(model, batch, executeMs, nowMs)
  }
}
