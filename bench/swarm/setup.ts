/** Sizes of the swarms of real nodes. Times stay the same when bytes and rates grow by one factor. */
export interface SwarmPlan {
  readonly nodeCount: number
  readonly modelBytes: number
  /** Of each node, and of the origin. */
  readonly linkBytesPerS: number
  readonly sites: {
    readonly nodesPerSite: number
    readonly modelBytes: number
    /** Of the line that a site shares. */
    readonly lineBytesPerS: number
  }
  readonly seeders: {
    readonly counts: readonly number[]
    /** Of each seeder. */
    readonly linkBytesPerS: number
    /** What all seeders together need at least. */
    readonly seconds: number
  }
  readonly deaths: {
    readonly holderCount: number
    readonly killCount: number
    readonly modelBytes: number
    readonly linkBytesPerS: number
  }
}

const megabyte = 1e6

export const fullSwarm: SwarmPlan = {
  nodeCount: 16,
  modelBytes: 256 * megabyte,
  linkBytesPerS: 12.5 * megabyte,
  sites: { nodesPerSite: 8, modelBytes: 64 * megabyte, lineBytesPerS: 2.5 * megabyte },
  seeders: { counts: [1, 2, 4, 8], linkBytesPerS: 5 * megabyte, seconds: 8 },
  deaths: { holderCount: 10, killCount: 6, modelBytes: 64 * megabyte, linkBytesPerS: 12.5 * megabyte },
}

export const tinySwarm: SwarmPlan = {
  nodeCount: 3,
  modelBytes: 6 * megabyte,
  linkBytesPerS: 2 * megabyte,
  sites: { nodesPerSite: 2, modelBytes: 3 * megabyte, lineBytesPerS: megabyte },
  seeders: { counts: [1, 2], linkBytesPerS: megabyte, seconds: 2 },
  deaths: { holderCount: 3, killCount: 2, modelBytes: 2 * megabyte, linkBytesPerS: 2 * megabyte },
}

/** Bytes and rates times a factor: what has to take a time takes the same. */
export function scaledSwarm(plan: SwarmPlan, factor: number): SwarmPlan {
  const times = (value: number) => Math.ceil(value * factor)
  const { sites, seeders, deaths } = plan
  return {
    ...plan,
    modelBytes: times(plan.modelBytes),
    linkBytesPerS: times(plan.linkBytesPerS),
    sites: { ...sites, modelBytes: times(sites.modelBytes), lineBytesPerS: times(sites.lineBytesPerS) },
    seeders: { ...seeders, linkBytesPerS: times(seeders.linkBytesPerS) },
    deaths: { ...deaths, modelBytes: times(deaths.modelBytes), linkBytesPerS: times(deaths.linkBytesPerS) },
  }
}
