/** Every variant under every seed, on as many threads as are given; results by variant, then by seed. */
import { type RunResult, type Scenario, withValues } from '../../sim/index.ts'
import type { InputReader } from './read-inputs.ts'
import { runAll } from './run-pool.ts'
import { wholeNumber } from './set-values.ts'
import { runsProgress } from './sim-progress.ts'

export interface SeedFlags {
  readonly seeds: string
  readonly jobs?: string
  readonly json?: boolean
}

export interface SeededRuns {
  readonly title: string
  readonly variants: readonly { readonly file: string; readonly scenario: Scenario }[]
  readonly inputs: InputReader
}

export function seedCountOf({ seeds }: SeedFlags): number {
  return wholeNumber('--seeds', seeds, 1)
}

export async function runSeeds({ title, variants, inputs }: SeededRuns, flags: SeedFlags): Promise<RunResult[][]> {
  const seedCount = seedCountOf(flags)
  const seeded = variants.flatMap(({ file, scenario }) =>
    Array.from({ length: seedCount }, (_, index) => ({
      file,
      scenario: withValues(scenario, { seed: scenario.seed + index }),
    })),
  )
  const runs = await Promise.all(
    seeded.map(async ({ file, scenario }) => ({ scenario, inputs: await inputs.read(file, scenario) })),
  )
  const progress = await runsProgress(title, runs.length, flags.json !== true)
  try {
    const results = await runAll(runs, {
      ...(flags.jobs === undefined ? {} : { jobCount: wholeNumber('--jobs', flags.jobs, 1) }),
      onProgress: (doneCount) => progress.update(doneCount),
    })
    return variants.map((_, index) => results.slice(index * seedCount, (index + 1) * seedCount))
  } finally {
    progress.end()
  }
}
