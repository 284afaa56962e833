/** The most memory that a node has while it pulls a large model, the model itself, which is in shared memory, left out. */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeRandomFile } from '../random-file.ts'
import { PeakMemory } from '../run-measured.ts'
import type { BenchRow } from '../types.ts'
import { DaemonPair } from './daemons.ts'
import type { BulkBenchPlan, BulkBenchSetup } from './setup.ts'

export async function pullMemoryRows({ folder, say }: BulkBenchSetup, plan: BulkBenchPlan): Promise<BenchRow[]> {
  const sizeBytes = plan.memoryPullBytes
  say(`memory of a node that pulls ${sizeBytes / 1e6} MB`)
  const source = join(folder, 'large.bin')
  await writeRandomFile(source, sizeBytes, 1)
  // The holder has it on disk, so that two nodes of a machine with half the memory will do.
  const pair = await DaemonPair.start('bench/large', source, sizeBytes, { isHeldOnDisk: true })
  try {
    await rm(source)
    const peak = PeakMemory.watch(pair.puller.process.pid!)
    const { seconds } = await pair.transfer()
    const note = `a node that pulls ${(sizeBytes / 1e9).toFixed(1)} GB in ${seconds.toFixed(1)} s; goal 350`
    return [{ id: 'rss_mb', value: peak.stop(), unit: 'MB', n: 1, note }]
  } finally {
    await pair.stop()
  }
}
