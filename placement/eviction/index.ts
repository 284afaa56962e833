/** The registry of eviction policies: a name and its own options in, a policy out. Oracles are made apart, from a future. */
import { type EvictionPolicyName, evictionPolicyNames } from '../../common/index.ts'
import { BeladyPolicy } from './belady.ts'
import { BeladyAmPolicy } from './belady-am.ts'
import { BeladyAmOnlinePolicy } from './belady-am-online.ts'
import { FifoPolicy } from './fifo.ts'
import type { FutureView } from './future-view.ts'
import { GdsfPolicy } from './gdsf.ts'
import { type HoldfastOptions, HoldfastPolicy } from './holdfast.ts'
import { type KeepAliveOptions, KeepAlivePolicy } from './keep-alive.ts'
import { LfuPolicy } from './lfu.ts'
import { LoadTimePolicy } from './load-time.ts'
import { LruPolicy } from './lru.ts'
import { type RandomOptions, RandomPolicy } from './random.ts'
import { SievePolicy } from './sieve.ts'
import { type EvictionPolicy, type OraclePolicyName, oraclePolicyNames } from './types.ts'

export type { FutureView } from './future-view.ts'
export type { HoldfastOptions } from './holdfast.ts'
export type { KeepAliveOptions } from './keep-alive.ts'
export type { RandomOptions } from './random.ts'
export * from './types.ts'

/** A policy that has nothing to set. */
export type NoOptions = Readonly<Record<string, never>>

export interface EvictionOptionsByName {
  holdfast: Partial<HoldfastOptions>
  lru: NoOptions
  gdsf: NoOptions
  fifo: NoOptions
  lfu: NoOptions
  sieve: NoOptions
  keepalive: Partial<KeepAliveOptions>
  'belady-am-online': NoOptions
  loadtime: NoOptions
  random: Partial<RandomOptions>
}

const factories: { readonly [N in EvictionPolicyName]: (options: EvictionOptionsByName[N]) => EvictionPolicy } = {
  holdfast: (options) => new HoldfastPolicy(options),
  lru: () => new LruPolicy(),
  gdsf: () => new GdsfPolicy(),
  fifo: () => new FifoPolicy(),
  lfu: () => new LfuPolicy(),
  sieve: () => new SievePolicy(),
  keepalive: (options) => new KeepAlivePolicy(options),
  'belady-am-online': () => new BeladyAmOnlinePolicy(),
  loadtime: () => new LoadTimePolicy(),
  random: (options) => new RandomPolicy(options),
}

const oracles: { readonly [N in OraclePolicyName]: (future: FutureView) => EvictionPolicy } = {
  belady: (future) => new BeladyPolicy(future),
  'belady-am': (future) => new BeladyAmPolicy(future),
}

export function createEvictionPolicy<N extends EvictionPolicyName>(
  name: N,
  options: EvictionOptionsByName[N] = {} as EvictionOptionsByName[N],
): EvictionPolicy {
  return factories[name](options)
}

export function createOraclePolicy(name: OraclePolicyName, future: FutureView): EvictionPolicy {
  return oracles[name](future)
}

/** For names from outside: a configuration, a command line. */
export function isEvictionPolicyName(name: string): name is EvictionPolicyName {
  return (evictionPolicyNames as readonly string[]).includes(name)
}

export function isOraclePolicyName(name: string): name is OraclePolicyName {
  return (oraclePolicyNames as readonly string[]).includes(name)
}
