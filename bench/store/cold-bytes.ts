/**
 * Until all bytes of a model on disk can be read: by an open in the store, by read() into private memory and by mmap() of the same file.
 * The page cache is empty for all; a process of its own for each load.
 */
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import type { StoreBenchPlan, StoreBenchSetup } from './setup.ts'

export async function coldBytesRows(setup: StoreBenchSetup, plan: StoreBenchPlan): Promise<BenchRow[]> {
  const { store, programs, sourceFolder, say } = setup
  const rows: BenchRow[] = []
  for (const [index, { name: label, sizeBytes }] of plan.coldModels.entries()) {
    const name = `bench/cold-${index}`
    const n = plan.coldRepeats(sizeBytes)
    const path = await store.addRandom(name, sizeBytes, sourceFolder, index)
    const seconds = { store: [] as number[], read: [] as number[], mmap: [] as number[] }
    for (let repeat = 0; repeat < n; repeat++) {
      // In another order each time: what a disk did last is not without effect on what it does next.
      const order = repeat % 2 === 0 ? (['store', 'read', 'mmap'] as const) : (['mmap', 'read', 'store'] as const)
      for (const kind of order) {
        await store.drop(name)
        await programs.forget(path)
        const where = kind === 'store' ? [store.socketPath, name] : [path]
        seconds[kind].push(await programs.number('bytes', [kind, ...where]))
      }
    }
    await store.remove(name)
    const [ours, read, mmap] = [median(seconds.store), median(seconds.read), median(seconds.mmap)]
    const megabytes = Math.round(sizeBytes / 1e6)
    say(`cold ${label} (${megabytes} MB): store ${ms(ours)}, read ${ms(read)}, mmap ${ms(mmap)}`)
    const note = `${megabytes} MB; ours ${ms(ours)}`
    rows.push(
      { id: `cold_bytes_vs_read/${label}`, value: read / ours, unit: 'ratio', n, note: `${note}, read() ${ms(read)}` },
      { id: `cold_bytes_vs_mmap/${label}`, value: mmap / ours, unit: 'ratio', n, note: `${note}, mmap() ${ms(mmap)}` },
    )
  }
  return rows
}

function ms(seconds: number): string {
  return `${(1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0)} ms`
}
