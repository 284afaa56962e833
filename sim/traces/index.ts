export { columnAt, numberAt, openCsv } from './formats/csv-table.ts'
export {
  readAdapterRequests,
  readAzureFunctions,
  readModels,
  readTrace,
  type TraceSource,
  traceFormats,
} from './formats/index.ts'
export { drawnModels, givenModels } from './formats/model-places.ts'
export { badTrace, readLines } from './formats/read-lines.ts'
export { drawPlanGap } from './plan-gap.ts'
export { createPolicyFor } from './policies.ts'
export { type ReplayResult, replay } from './replay.ts'
export { type ReplayRow, runReplay } from './run-replays.ts'
export { sortTrace, sumOfSizes, type Trace, type TraceModel } from './trace.ts'
export { generateWorkload } from './workload.ts'
