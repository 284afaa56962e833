/**
 * The native store in figures: opens of what is in memory, sharing, loads from disk, frameworks, more models than memory. Beside each
 * figure what does the same without us, in the same run.
 *
 * Loads are measured in processes of their own, in C where no framework is meant. But for oversubscription, where a whole node runs, the
 * store is the native one in a process of its own with models from local files.
 */
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchStore } from './store/bench-store.ts'
import { coldBytesRows } from './store/cold-bytes.ts'
import { frameworkRows } from './store/frameworks.ts'
import { largePageRows } from './store/large-pages.ts'
import { openRows } from './store/opens.ts'
import { oversubscribedRows } from './store/oversubscribed.ts'
import { Programs } from './store/programs.ts'
import { fullPlan, type StoreBenchSetup, tinyPlan } from './store/setup.ts'
import { sharingRows } from './store/sharing.ts'
import type { BenchContext, BenchRow } from './types.ts'

const diskLimitBytes = 32 * 2 ** 30

export async function storeBench({ tiny, say }: BenchContext): Promise<BenchRow[]> {
  const plan = tiny ? tinyPlan : fullPlan
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const sourceFolder = await mkdtemp(join(await sourceParent(), 'holdfast-bench-'))
  try {
    const programs = await Programs.compile(folder)
    const store = await BenchStore.start({ folder, memoryLimitBytes: plan.memoryLimitBytes, diskLimitBytes })
    try {
      const setup: StoreBenchSetup = { store, programs, folder, sourceFolder, say }
      return [
        ...(await openRows(setup, plan)),
        ...(await sharingRows(setup, plan)),
        ...(await frameworkRows(setup, plan)),
        ...(await oversubscribedRows(setup, plan)),
        ...(await coldBytesRows(setup, plan)),
        ...(await largePageRows(setup, plan)),
      ]
    } finally {
      await store.stop()
    }
  } finally {
    await Promise.all([folder, sourceFolder].map((path) => rm(path, { recursive: true, force: true })))
  }
}

async function sourceParent(): Promise<string> {
  return access('/dev/shm').then(
    () => '/dev/shm',
    () => tmpdir(),
  )
}
