/** What a comparison compares: every scenario, with every set of values, under every policy, peer-blind too when asked for. */
import { type EvictionPolicyName, evictionPolicyNames, HoldfastError } from '../../common/index.ts'
import { type Scenario, withValues } from '../../sim/index.ts'
import type { GivenScenario } from './read-scenario.ts'
import { listOf, parseSets } from './set-values.ts'

export interface ContenderFlags {
  /** Each is one more contender beside the scenario as it is. */
  readonly set?: readonly string[]
  readonly policies?: string
  readonly blind?: boolean
}

export interface Variant {
  readonly name: string
  /** For files that it names. */
  readonly file: string
  readonly scenario: Scenario
}

export async function contendersOf(given: readonly GivenScenario[], flags: ContenderFlags): Promise<Variant[]> {
  const sets = await Promise.all((flags.set ?? []).map(async (text) => ({ text, values: await parseSets([text]) })))
  const policies = flags.policies === undefined ? [null] : policyNames('--policies', flags.policies)
  const variants = given.flatMap(({ file, name, scenario }) =>
    [null, ...sets].flatMap((set) =>
      policies.flatMap((policy) =>
        blindnesses(flags.blind === true, policy ?? scenario.policy.eviction).map((isBlind) => {
          const words = [
            ...(given.length > 1 ? [name] : []),
            ...(set === null ? [] : [set.text]),
            ...(policy === null ? [] : [policy]),
            ...(isBlind === true ? ['blind to peers'] : []),
          ]
          const values = {
            ...set?.values,
            ...(policy === null ? {} : { 'policy.eviction': policy }),
            ...(isBlind === null ? {} : { 'policy.peerBlind': isBlind }),
          }
          return {
            name: words.length === 0 ? 'as it is' : words.join(', '),
            file,
            scenario: withValues(scenario, values),
          }
        }),
      ),
    ),
  )
  if (variants.length > 1) return variants
  throw new HoldfastError(
    'BAD_REQUEST',
    'There is nothing to compare with: give a second scenario, --set, --policies or --blind.',
  )
}

/** To a policy that asks for no costs, being blind to them is the same. */
const costPolicies: ReadonlySet<string> = new Set<EvictionPolicyName>([
  'holdfast',
  'gdsf',
  'belady-am-online',
  'loadtime',
])

function blindnesses(isAsked: boolean, policy: string): (boolean | null)[] {
  if (!isAsked) return [null]
  return costPolicies.has(policy) ? [false, true] : [false]
}

export function policyNames(option: string, text: string): string[] {
  return listOf(option, text).map((name) => {
    if (evictionPolicyNames.some((known) => known === name)) return name
    throw new HoldfastError(
      'BAD_REQUEST',
      `${option}: there is no policy ${name}; there is ${evictionPolicyNames.join(', ')}.`,
    )
  })
}
