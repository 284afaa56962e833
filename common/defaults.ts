/**
 * Defaults and names that the options of a node share with the machines that obey them. They stand here so that the command line shows
 * them without loading the core.
 */

/** A tag that was looked up less than this ago is not looked up again. */
export const defaultRefFreshMs = 10_000

/** A tag or manifest that nobody had less than this ago is not looked for again. Short: people push what they have just missed. */
export const defaultRefMissingMs = 1_000

/** An origin that takes longer for a tag of which nothing is known has peers asked beside it. Far stores answer within half of it. */
export const defaultOriginPatienceMs = 1_000

/** How long a node that stops hands on what would be lost with it, and waits for requests that run. */
export const defaultHandOverMs = 30_000
export const defaultLastRequestsMs = 30_000

/** Between two rounds of replication. Gossip of demand takes 5 s, and a copy seconds to minutes. */
export const defaultReplicationIntervalMs = 15_000

/** The eviction policies that a node may use. Additions go here first; placement's registry then does not compile until it has them. */
export const evictionPolicyNames = [
  'holdfast',
  'lru',
  'gdsf',
  'fifo',
  'lfu',
  'sieve',
  'keepalive',
  'belady-am-online',
  'loadtime',
  'random',
] as const
export type EvictionPolicyName = (typeof evictionPolicyNames)[number]
