/** `holdfast bench swarm`: many nodes that want the same model. */
import { swarmReal } from './swarm-real.ts'
import { swarmSim } from './swarm-sim.ts'
import type { Bench } from './types.ts'

const parts: readonly Bench[] = [swarmSim, swarmReal]

export const swarmBench: Bench = async (context) => {
  const rows = []
  for (const part of parts) rows.push(...(await part(context)))
  return rows
}
