/** `holdfast bench swarm`: many nodes that want the same model. */
import { swarmReal } from './swarm-real.ts'
import type { Bench } from './types.ts'

const parts: readonly Bench[] = [swarmReal]

export const swarmBench: Bench = async (context) => {
  const rows = []
  for (const part of parts) rows.push(...(await part(context)))
  return rows
}
