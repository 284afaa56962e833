/** The simulator: the decisions of placement/ and the protocol of node/core on a virtual clock and network. */
export { checkAll } from './check/checkers.ts'
export { checkConvergence, type Published, publishedNow } from './check/convergence.ts'
export { Cluster, type ClusterOptions } from './cluster.ts'
export type * from './metrics/run-result.ts'
export { type RunOptions, replayCommand, runCluster, runScenario } from './run.ts'
export { parseScenario, type Scenario, withValues } from './scenario/scenario.ts'
export { EventLog } from './world/event-log.ts'
export type { ScenarioInputs } from './world/inputs.ts'
