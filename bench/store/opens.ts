/** Opens of what is in memory, beside a bare descriptor pass. Rounds of both take turns, so that noise of the machine meets both. */
import { quantile } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import type { StoreBenchPlan, StoreBenchSetup } from './setup.ts'

const rounds = 10

export async function openRows(setup: StoreBenchSetup, plan: StoreBenchPlan): Promise<BenchRow[]> {
  const { store, programs, sourceFolder, say } = setup
  const rows: BenchRow[] = []
  const medians: number[] = []
  for (const [index, { label, sizeBytes }] of plan.openSizes.entries()) {
    say(`opens of ${label} in memory`)
    const name = `bench/open-${label}`
    await store.addRandom(name, sizeBytes, sourceFolder, 7000 + index)
    // Brings it into memory and keeps it there: a lease, not this bench, is what holds a model.
    await programs.number('bytes', ['store', store.socketPath, name])
    const [ours, withClose, bare]: [number[], number[], number[]] = [[], [], []]
    for (let round = 0; round < rounds; round++) {
      ours.push(...(await programs.numbers('opens', [store.socketPath, name, plan.opensPerRound, 'alone'])))
      withClose.push(...(await programs.numbers('opens', [store.socketPath, name, plan.opensPerRound, 'with-close'])))
      bare.push(...(await programs.numbers('bare', [sizeBytes, plan.opensPerRound])))
    }
    await store.remove(name)
    const [p50, bareP50] = [quantile(ours, 0.5), quantile(bare, 0.5)]
    medians.push(p50)
    const n = ours.length
    rows.push(
      {
        id: `open_hit_p50_us/${label}`,
        value: p50,
        unit: 'us',
        n,
        note: 'lease, descriptor, map, first byte; goal 100',
      },
      { id: `open_hit_p99_us/${label}`, value: quantile(ours, 0.99), unit: 'us', n, note: 'goal 1000' },
      {
        id: `open_and_close_p50_us/${label}`,
        value: quantile(withClose, 0.5),
        unit: 'us',
        n,
        note: 'one after the other, unmap and end of the lease too',
      },
      { id: `open_hit_bare_p50_us/${label}`, value: bareP50, unit: 'us', n, note: 'a bare descriptor pass + mmap' },
      { id: `open_hit_bare_p99_us/${label}`, value: quantile(bare, 0.99), unit: 'us', n, note: 'the same' },
      { id: `open_hit_vs_bare/${label}`, value: p50 / bareP50, unit: 'ratio', n, note: 'medians; goal 2' },
    )
  }
  rows.push({
    id: 'open_hit_vs_bare',
    value: Math.max(...rows.filter(({ id }) => id.startsWith('open_hit_vs_bare/')).map(({ value }) => value)),
    unit: 'ratio',
    n: rounds * plan.opensPerRound,
    note: 'the worse of the sizes; goal 2',
  })
  const ratio = medians.at(-1)! / medians[0]!
  const note = 'median of the largest over that of the smallest; goal 1.5'
  return [...rows, { id: 'open_hit_size_ratio', value: ratio, unit: 'ratio', n: rounds * plan.opensPerRound, note }]
}
