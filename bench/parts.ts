/** Parts of benches that take long, to be run alone. */
export const bulkParts = ['pull', 'origin', 'small', 'far', 'memory'] as const
export const swarmParts = ['crowd', 'sites', 'seeders', 'deaths'] as const

export type BulkPart = (typeof bulkParts)[number]
export type SwarmPart = (typeof swarmParts)[number]

/** The cases of the table of attacks (hostile/catalog.ts), in its order. */
export const hostileParts = [
  'silent-bulk',
  'silent-cluster',
  'garbage-cluster',
  'half-bodies',
  'half-headers',
  'all-store-connections',
  'opens-without-end',
  'invented-nodes',
  'lying-suspicion',
  'invalidate-flood',
  'malformed-calls',
  'million-chunks',
  'missing-packs',
  'endless-loop',
  'origin-away',
  'origin-hanging',
  'origin-slow',
  'fifo-in-origin',
] as const
export type HostilePart = (typeof hostileParts)[number]
