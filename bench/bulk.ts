/**
 * How fast weights move between nodes, beside what the machine can do at most and beside what one would use instead, all in the same
 * run: a large model over loopback.
 */
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peerPullRows } from './bulk/peer-pull.ts'
import { type BulkBenchSetup, fullPlan, tinyPlan } from './bulk/setup.ts'
import type { BenchContext, BenchRow } from './types.ts'

export async function bulkBench({ tiny, say }: BenchContext): Promise<BenchRow[]> {
  const plan = tiny ? tinyPlan : fullPlan
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const memoryFolder = await mkdtemp(join(await memoryParent(), 'holdfast-bench-'))
  try {
    const setup: BulkBenchSetup = { folder, memoryFolder, say }
    return await peerPullRows(setup, plan)
  } finally {
    await Promise.all([folder, memoryFolder].map((path) => rm(path, { recursive: true, force: true })))
  }
}

async function memoryParent(): Promise<string> {
  return access('/dev/shm').then(
    () => '/dev/shm',
    () => tmpdir(),
  )
}
