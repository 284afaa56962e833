/** How long models take on a node to start and to run: measured by a daemon, told by the scenario in the simulator. */
import type { ModelId, Source } from '../../common/index.ts'
import type { SureTimes } from '../../placement/index.ts'

export interface LoadTimes {
  /** The start of the model once its bytes are in memory; a guess from the size before the first start. */
  initMs(model: ModelId, sizeBytes: number): number
  /** 0 before the first run. Of a batch that never ran, as the nearest smaller one, else the nearest larger one. */
  executeMs(model: ModelId, batch?: number): number
  /** The least that was measured lately, more than once, of no larger batch; 0 for the rest. */
  sure(model: ModelId, batch: number, nowMs: number): SureTimes
  /** By how much longer a transfer from such a source usually takes than its latency and bandwidth say. */
  transferFactor(source: Source): number
  noteTransfer(source: Source, predictedMs: number, actualMs: number): void
  noteInit(model: ModelId, elapsedMs: number, nowMs: number): void
  noteExecute(model: ModelId, batch: number, elapsedMs: number, nowMs: number): void
}
