/** Parts of benches that take long, to be run alone. */
export const bulkParts = ['pull', 'origin', 'small', 'far', 'memory'] as const
export const swarmParts = ['crowd', 'sites', 'seeders', 'deaths'] as const

export type BulkPart = (typeof bulkParts)[number]
export type SwarmPart = (typeof swarmParts)[number]
