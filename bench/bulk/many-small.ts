/** A model of many small files against one of a single file with as many bytes: nodes, and rsync beside them. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeRandomFile } from '../random-file.ts'
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import { DaemonPair } from './daemons.ts'
import { SshSite } from './rsync.ts'
import type { BulkBenchPlan, BulkBenchSetup } from './setup.ts'
import { missingTools } from './tools.ts'

const filesPerFolder = 100

/** Seconds for the many, and for the one, of each turn. */
interface Pairs {
  readonly many: number[]
  readonly one: number[]
}

export async function manySmallRows(setup: BulkBenchSetup, plan: BulkBenchPlan): Promise<BenchRow[]> {
  const { memoryFolder, say } = setup
  const { count, fileBytes, repeats } = plan.manySmall
  const [many, one] = [join(memoryFolder, 'many'), join(memoryFolder, 'one')]
  await writeFiles(many, count, fileBytes)
  await mkdir(one)
  await writeRandomFile(join(one, 'weights.bin'), count * fileBytes, 1)
  say(`${count} files of ${fileBytes / 1000} kB, and one of as many bytes`)
  const ours = await byNodes(many, one, count * fileBytes, repeats)
  const rsync = await byRsync(setup, many, one, repeats)
  await Promise.all([many, one].map((path) => rm(path, { recursive: true, force: true })))
  const ratio = (id: string, pairs: Pairs, note: string): BenchRow => ({
    id,
    value: median(pairs.many.map((seconds, turn) => pairs.one[turn]! / seconds)),
    unit: 'ratio',
    n: repeats,
    note,
  })
  return [
    ratio('many_small', ours, `rate of ${count} files over that of one; goal 0.5`),
    { id: 'many_small_s', value: median(ours.many), unit: 's', n: repeats, note: 'the many files, by nodes' },
    ...(rsync === null
      ? []
      : [
          ratio('many_small/rsync', rsync, 'the same by rsync over ssh'),
          { id: 'many_small_s/rsync', value: median(rsync.many), unit: 's', n: repeats, note: 'the many, by rsync' },
        ]),
  ]
}

async function byNodes(many: string, one: string, sizeBytes: number, repeats: number): Promise<Pairs> {
  const pairs: Pairs = { many: [], one: [] }
  // A pair of nodes each: what the other model needs of memory and tables is not in the way.
  const manyNodes = await DaemonPair.start('bench/many', many, sizeBytes)
  try {
    const oneNodes = await DaemonPair.start('bench/one', one, sizeBytes)
    try {
      for (let turn = 0; turn < repeats; turn++) {
        pairs.many.push((await manyNodes.transfer()).seconds)
        pairs.one.push((await oneNodes.transfer()).seconds)
      }
    } finally {
      await oneNodes.stop()
    }
  } finally {
    await manyNodes.stop()
  }
  return pairs
}

async function byRsync(
  { folder, memoryFolder, say }: BulkBenchSetup,
  many: string,
  one: string,
  repeats: number,
): Promise<Pairs | null> {
  const missing = await missingTools(['rsync', 'ssh', 'sshd', 'ssh-keygen'])
  if (missing.length > 0) {
    say(`many_small/rsync is left out: not installed here: ${missing.join(', ')}`)
    return null
  }
  const site = await SshSite.start(folder)
  try {
    const pairs: Pairs = { many: [], one: [] }
    const output = join(memoryFolder, 'rsync-out')
    for (let turn = 0; turn < repeats; turn++) {
      pairs.many.push((await site.transfer(many, output)).seconds)
      pairs.one.push((await site.transfer(one, output)).seconds)
    }
    return pairs
  } finally {
    await site.server.stop()
  }
}

async function writeFiles(folder: string, count: number, fileBytes: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const part = join(folder, `part-${Math.floor(index / filesPerFolder)}`)
    if (index % filesPerFolder === 0) await mkdir(part, { recursive: true })
    await writeRandomFile(join(part, `${index}.bin`), fileBytes, index + 1)
  }
}
