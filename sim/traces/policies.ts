/** Any policy for a replay, by name: an oracle is told the trace, all others are told nothing. */
import {
  type AnyPolicyName,
  createEvictionPolicy,
  createOraclePolicy,
  type EvictionPolicy,
  isOraclePolicyName,
} from '../../placement/index.ts'
import { futureOf, type Trace } from './trace.ts'

export function createPolicyFor(name: AnyPolicyName, trace: Trace): EvictionPolicy {
  return isOraclePolicyName(name) ? createOraclePolicy(name, futureOf(trace)) : createEvictionPolicy(name)
}
