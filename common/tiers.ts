/**
 * The tiers of a node, fastest first. A new tier is a row of this table: what is the same for all of them is written once, over
 * `localTiers`, and what a tier does by itself is in its store.
 */

export interface TierRow {
  /** Nodes of this version keep files there. The others are understood when a later node speaks of them. */
  readonly isLocal: boolean
  /** Its number in residency entries; never given to another. */
  readonly wireNumber: number
  /** What lies in it, for people. */
  readonly holds: string
  /** State entries hold its limit besides what is free: nodes are compared by it. */
  readonly publishesLimit: boolean
  /** Speed of reading from it, until something was measured. */
  readonly latencyMs: number
  readonly bandwidthBytesPerS: number
}

const inPlace = { latencyMs: 0, bandwidthBytesPerS: Number.POSITIVE_INFINITY }

export const tierTable = {
  device: { isLocal: false, wireNumber: 0, holds: 'weights on an accelerator', publishesLimit: true, ...inPlace },
  memory: { isLocal: true, wireNumber: 1, holds: 'weights in shared memory', publishesLimit: true, ...inPlace },
  disk: {
    isLocal: true,
    wireNumber: 2,
    holds: 'the disk tier',
    publishesLimit: false,
    // A solid-state disk.
    latencyMs: 1,
    bandwidthBytesPerS: 1_000_000_000,
  },
} as const satisfies Record<string, TierRow>

/** Where bytes lie on a node. */
export type Tier = keyof typeof tierTable
/** The tiers of this node that keep files: what a client opens, a pin names, a file of a model lies in. */
export type LocalTier = { [T in Tier]: (typeof tierTable)[T]['isLocal'] extends true ? T : never }[Tier]

export const tiers = Object.keys(tierTable) as readonly Tier[]
export const localTiers = tiers.filter(isLocalTier)
/** Where a model has to lie to be served at once. */
export const fastestTier = localTiers[0]!
/** Where a model lies when it is here at all. */
export const slowestTier = localTiers.at(-1)!

/** Bytes of something in each tier. */
export type TierBytes = Readonly<Record<LocalTier, number>>

/** How full a tier is. Bytes that are being filled count as used. */
export interface TierState {
  readonly usedBytes: number
  readonly limitBytes: number
}

export function isLocalTier(value: unknown): value is LocalTier {
  return typeof value === 'string' && Object.hasOwn(tierTable, value) && tierTable[value as Tier].isLocal
}

export function byTier<T>(ask: (tier: LocalTier) => T): Record<LocalTier, T> {
  return Object.fromEntries(localTiers.map((tier) => [tier, ask(tier)])) as Record<LocalTier, T>
}

export function isFaster(tier: Tier, other: Tier): boolean {
  return tiers.indexOf(tier) < tiers.indexOf(other)
}

/** The fastest tier that has any of it; null when none has. */
export function fastestWith(bytes: TierBytes): LocalTier | null {
  return localTiers.find((tier) => bytes[tier] > 0) ?? null
}

/** Above the limit nothing is free: a limit may have been lowered. */
export function freeBytesOf({ usedBytes, limitBytes }: TierState): number {
  return Math.max(0, limitBytes - usedBytes)
}
