/** Folders and sizes of the parts of the bulk bench. */

export interface BulkBenchSetup {
  /** On disk; goes at the end. */
  readonly folder: string
  /** In memory where there is a tmpfs, as the segments are that the bench fills: no disk bounds what is compared. */
  readonly memoryFolder: string
  readonly say: (text: string) => void
}

export interface BulkBenchPlan {
  readonly pullBytes: number
  readonly pullRepeats: number
  /** Of each piece of the limit, per core. */
  readonly limitBytes: number
  readonly manySmall: { readonly count: number; readonly fileBytes: number; readonly repeats: number }
  readonly wan: { readonly sizeBytes: number; readonly repeats: number }
  /** Of the model during whose pull memory is looked at. */
  readonly memoryPullBytes: number
}

const MiB = 2 ** 20

export const fullPlan: BulkBenchPlan = {
  pullBytes: 1024 * MiB,
  pullRepeats: 5,
  limitBytes: 256 * MiB,
  manySmall: { count: 5000, fileBytes: 20_000, repeats: 3 },
  wan: { sizeBytes: 24 * MiB, repeats: 3 },
  memoryPullBytes: 6_000_000_000,
}

export const tinyPlan: BulkBenchPlan = {
  pullBytes: 24 * MiB,
  pullRepeats: 1,
  limitBytes: 8 * MiB,
  manySmall: { count: 200, fileBytes: 20_000, repeats: 1 },
  wan: { sizeBytes: MiB, repeats: 1 },
  memoryPullBytes: 32_000_000,
}

export function scaled(plan: BulkBenchPlan, factor: number): BulkBenchPlan {
  const times = (value: number) => Math.ceil(value * factor)
  return {
    ...plan,
    pullBytes: times(plan.pullBytes),
    manySmall: { ...plan.manySmall, count: times(plan.manySmall.count) },
    wan: { ...plan.wan, sizeBytes: times(plan.wan.sizeBytes) },
    memoryPullBytes: times(plan.memoryPullBytes),
  }
}
