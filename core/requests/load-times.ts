/** How long models take on a node to start and to run: measured by a daemon, told by the scenario in the simulator. */
import type { ModelId } from '../../common/index.ts'

export interface LoadTimes {
  /** The start of the model once its bytes are in memory; a guess from the size before the first start. */
  initMs(model: ModelId, sizeBytes: number): number
  /** 0 before the first run. */
  executeMs(model: ModelId): number
  noteInit(model: ModelId, elapsedMs: number): void
  noteExecute(model: ModelId, elapsedMs: number): void
}
