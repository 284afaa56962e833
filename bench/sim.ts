/** `holdfast bench sim`: scale first, whose memory is that of the whole process; then placement in a cluster, then real daemons. */
import { clusterRows } from './sim-cluster.ts'
import { simLabBench } from './sim-lab.ts'
import { simScaleBench } from './sim-scale.ts'
import type { Bench } from './types.ts'

export const simBench: Bench = async (context) => [
  ...(await simScaleBench(context)),
  ...clusterRows(context),
  ...(await simLabBench(context)),
]
