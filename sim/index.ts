/** The simulator: the decisions of placement/ and the protocol of node/core on a virtual clock and network. */
export { checkAll, checkConvergence, publishedNow, replayHint } from './checkers.ts'
export { Cluster, type ClusterOptions, defaultClusterOptions, type RequestRecord } from './cluster.ts'
