/**
 * How fast weights move between nodes, beside what the machine can do at most and beside what one would use instead, all in the same
 * run: a large model over loopback, one of many small files, a line that is far and loses packets, and the memory that a pull takes.
 */
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manySmallRows } from './bulk/many-small.ts'
import { originRows } from './bulk/origin-transfers.ts'
import { peerPullRows } from './bulk/peer-pull.ts'
import { pullMemoryRows } from './bulk/pull-memory.ts'
import { type BulkBenchPlan, type BulkBenchSetup, fullPlan, scaled, tinyPlan } from './bulk/setup.ts'
import { wanRows } from './bulk/wan.ts'
import type { BulkPart } from './parts.ts'
import type { BenchContext, BenchRow } from './types.ts'

const parts: Readonly<Record<BulkPart, (setup: BulkBenchSetup, plan: BulkBenchPlan) => Promise<BenchRow[]>>> = {
  pull: peerPullRows,
  origin: originRows,
  small: manySmallRows,
  far: wanRows,
  memory: pullMemoryRows,
}

export async function bulkBench({ tiny, only, scale = 1, say }: BenchContext): Promise<BenchRow[]> {
  const plan = scaled(tiny ? tinyPlan : fullPlan, scale)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const memoryFolder = await mkdtemp(join(await memoryParent(), 'holdfast-bench-'))
  try {
    const setup: BulkBenchSetup = { folder, memoryFolder, say }
    const rows: BenchRow[] = []
    for (const [name, part] of Object.entries(parts)) {
      if (only === undefined || only.includes(name)) rows.push(...(await part(setup, plan)))
    }
    return rows
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
