/**
 * The same models on pages of 4 KiB and on large ones: until all bytes of a model on disk can be read, and until a process has opened a
 * model in memory and touched every page. Two stores side by side; what large pages the machine has is for its operator to say.
 */
import { join } from 'node:path'
import { givesSharedLargePages, readLargePages } from '../../node/system/index.ts'
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import { BenchStore } from './bench-store.ts'
import type { StoreBenchPlan, StoreBenchSetup } from './setup.ts'

export async function largePageRows(setup: StoreBenchSetup, plan: StoreBenchPlan): Promise<BenchRow[]> {
  const { programs, folder, sourceFolder, say } = setup
  const sizeBytes = plan.largePageBytes
  const pages = readLargePages()
  const kind = pages.freeBytes >= sizeBytes * 1.1 ? 'reserved' : givesSharedLargePages(pages) ? pages.shared : null
  if (kind === null) {
    say(
      `large pages: skipped, since this machine has none; sysctl vm.nr_hugepages=${Math.ceil((1.1 * sizeBytes) / 2 ** 21)}`,
    )
    return []
  }
  const label = `${Math.round(sizeBytes / 1e6)}MB`
  const seconds = {
    usual: { cold: [] as number[], warm: [] as number[] },
    large: { cold: [] as number[], warm: [] as number[] },
  }
  const stores: Partial<Record<keyof typeof seconds, BenchStore>> = {}
  try {
    for (const which of ['usual', 'large'] as const) {
      stores[which] = await BenchStore.start({
        folder: join(folder, which),
        memoryLimitBytes: 2 * sizeBytes,
        diskLimitBytes: 2 * sizeBytes,
        largePages: which === 'large',
      })
    }
    const paths = { usual: '', large: '' }
    for (const which of ['usual', 'large'] as const)
      paths[which] = await stores[which]!.addRandom('bench/pages', sizeBytes, sourceFolder, 1)
    const n = plan.coldRepeats(sizeBytes)
    for (let repeat = 0; repeat < n; repeat++) {
      const order = repeat % 2 === 0 ? (['usual', 'large'] as const) : (['large', 'usual'] as const)
      for (const which of order) {
        const store = stores[which]!
        await store.drop('bench/pages')
        await programs.forget(paths[which])
        for (const state of ['cold', 'warm'] as const)
          seconds[which][state].push(await programs.number('bytes', ['store', store.socketPath, 'bench/pages']))
      }
    }
    return (['cold', 'warm'] as const).map((state) => {
      const [usual, large] = [median(seconds.usual[state]), median(seconds.large[state])]
      const note = `${label}, ${kind}: ${ms(large)}, pages of 4 KiB ${ms(usual)}`
      say(`large pages, ${state} ${note}`)
      return { id: `large_pages_${state}_load/${label}`, value: usual / large, unit: 'ratio', n, note }
    })
  } finally {
    for (const store of Object.values(stores)) await store.stop()
  }
}

function ms(seconds: number): string {
  return `${(1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0)} ms`
}
