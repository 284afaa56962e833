/** The settings of a sweep, in the order in which they are reported: by policy, then nodes, then memory. */
import { HoldfastError } from '../../common/index.ts'
import { type Scenario, withValues } from '../../sim/index.ts'
import { nodeCountOf, parseMemory, withMemory, withNodes } from './cluster-size.ts'
import { policyNames } from './contenders.ts'
import type { GivenScenario } from './read-scenario.ts'
import { listOf, numbersOf } from './set-values.ts'

export interface GridFlags {
  readonly memory?: string
  readonly policies?: string
  readonly nodes?: string
}

export interface Setting {
  readonly memory: string
  readonly policy: string
  readonly nodeCount: number
  readonly file: string
  readonly scenario: Scenario
}

export function gridOf({ file, scenario }: GivenScenario, { memory, policies, nodes }: GridFlags): Setting[] {
  if (memory === undefined && policies === undefined && nodes === undefined) {
    throw new HoldfastError('BAD_REQUEST', 'There is nothing to sweep: give --memory, --policies or --nodes.')
  }
  const memories = memory === undefined ? ['1'] : listOf('--memory', memory)
  const names = policies === undefined ? [scenario.policy.eviction] : policyNames('--policies', policies)
  const counts = nodes === undefined ? [nodeCountOf(scenario)] : numbersOf('--nodes', nodes)
  return names.flatMap((policy) =>
    counts.flatMap((nodeCount) =>
      memories.map((text) => {
        const under = withValues(scenario, { 'policy.eviction': policy })
        const sized = nodes === undefined ? under : withNodes(under, nodeCount)
        const size = parseMemory('--memory', text)
        return {
          // A bare 0.5 would be read as half a byte.
          memory: 'factor' in size ? `×${size.factor}` : text,
          policy,
          nodeCount,
          file,
          scenario: withMemory(sized, size),
        }
      }),
    ),
  )
}
