/** The registry of eviction policies: a name and its own options in, a policy out. */
import { GdsfPolicy } from './gdsf.ts'
import { type HoldfastOptions, HoldfastPolicy } from './holdfast.ts'
import { LruPolicy } from './lru.ts'
import { type EvictionPolicy, type EvictionPolicyName, evictionPolicyNames } from './types.ts'

export type { HoldfastOptions } from './holdfast.ts'
export * from './types.ts'

/** A policy that has nothing to set. */
export type NoOptions = Readonly<Record<string, never>>

export interface EvictionOptionsByName {
  lru: NoOptions
  gdsf: NoOptions
  holdfast: Partial<HoldfastOptions>
}

const factories: { readonly [N in EvictionPolicyName]: (options: EvictionOptionsByName[N]) => EvictionPolicy } = {
  lru: () => new LruPolicy(),
  gdsf: () => new GdsfPolicy(),
  holdfast: (options) => new HoldfastPolicy(options),
}

export function createEvictionPolicy<N extends EvictionPolicyName>(
  name: N,
  options: EvictionOptionsByName[N] = {} as EvictionOptionsByName[N],
): EvictionPolicy {
  return factories[name](options)
}

/** For names from outside: a configuration, a command line. */
export function isEvictionPolicyName(name: string): name is EvictionPolicyName {
  return (evictionPolicyNames as readonly string[]).includes(name)
}
