/** The benches: what each measures, for `holdfast bench --help`, and its code, loaded when it runs. */
import { bulkParts, hostileParts, swarmParts } from './parts.ts'
import type { Bench } from './types.ts'

export interface BenchEntry {
  readonly measures: string
  /** What `--only` can name. */
  readonly parts?: readonly string[]
  /** Whether `--scale` changes its sizes. */
  readonly isScalable?: true
  /** Whether `--seconds` and `--seed` say how long it runs and what happens. */
  readonly isTimed?: true
  readonly load: () => Promise<Bench>
}

export const benchCatalog: Readonly<Record<string, BenchEntry>> = {
  smoke: {
    measures: 'push, fetch, open and inference on this machine, beside what the machine itself can do',
    load: async () => (await import('./smoke.ts')).smoke,
  },
  origin: {
    measures: 'push and pull of an origin, beside aws-sdk or cp with the same file; memory, resume, what is shared',
    load: async () => (await import('./origin.ts')).originBench,
  },
  store: {
    measures: 'opens, sharing, cold and warm loads of the native store, beside plain files and frameworks alone',
    load: async () => (await import('./store.ts')).storeBench,
  },
  bulk: {
    measures: 'weights between nodes: beside the limit of the machine, curl, aria2, rsync, libp2p and BitTorrent',
    parts: bulkParts,
    isScalable: true,
    load: async () => (await import('./bulk.ts')).bulkBench,
  },
  swarm: {
    measures: 'many nodes that want a model at once, on hosts with shaped lines, beside BitTorrent and an origin alone',
    parts: swarmParts,
    isScalable: true,
    load: async () => (await import('./swarm.ts')).swarmBench,
  },
  placement: {
    measures: 'load delay of the default policy beside the best online and clairvoyant ones; requests per second',
    load: async () => (await import('./placement.ts')).placementBench,
  },
  sim: {
    measures: 'the simulator at scale, what knowing the cluster is worth, and real daemons beside their simulation',
    load: async () => (await import('./sim.ts')).simBench,
  },
  field: {
    measures:
      'models and folders as people have them: models refused, threads of sessions, large answers; push and ls of a large origin',
    load: async () => (await import('./field.ts')).fieldBench,
  },
  chaos: {
    measures: 'seeded faults of nodes, disks, clocks, lines and origin under load, on hosts of their own; ten minutes',
    isTimed: true,
    load: async () => (await import('./chaos.ts')).chaosBench,
  },
  hostile: {
    measures: 'attacks on running nodes: what honest users see meanwhile, memory, recovery, lines of the log',
    parts: hostileParts,
    load: async () => (await import('./hostile.ts')).hostileBench,
  },
}
