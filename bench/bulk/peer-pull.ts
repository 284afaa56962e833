/**
 * The same bytes from one process to another on loopback: by two nodes, by what an operator would reach for, by libraries. They take
 * turns, and the limit of the machine is measured in each turn.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import type { Contender } from './contender.ts'
import { DaemonPair } from './daemons.ts'
import { addLibraries } from './libraries.ts'
import { Limit } from './limit.ts'
import { SshSite } from './rsync.ts'
import type { BulkBenchPlan, BulkBenchSetup } from './setup.ts'
import { makeSourceFile, rangeCounts, type SourceFile } from './source-file.ts'
import { missingTools } from './tools.ts'
import { Turns } from './turns.ts'
import { aria2Contender, curlContender, startNginx } from './web-tools.ts'

/** What stands beside ours in a row of its own each, in the order of the goals. */
const libraryGoals: Readonly<Record<string, number>> = { 'libp2p-tls': 2, 'libp2p-noise': 5, webtorrent: 5 }

export async function peerPullRows(setup: BulkBenchSetup, plan: BulkBenchPlan): Promise<BenchRow[]> {
  const { folder, memoryFolder, say } = setup
  const limit = await Limit.compile(folder, plan.limitBytes, say)
  const source = await makeSourceFile(join(memoryFolder, 'weights.bin'), plan.pullBytes)
  const contenders: Contender[] = []
  try {
    const ours = await DaemonPair.start('bench/weights', source.path, source.sizeBytes)
    contenders.push(ours)
    await addTools(contenders, setup, source)
    const count = contenders.length
    await addLibraries(contenders, folder, source, say)
    const turns = new Turns(contenders)
    const limits: number[] = []
    for (let turn = 1; turn <= plan.pullRepeats; turn++) {
      say(`pull ${turn} of ${plan.pullRepeats}: ${contenders.map(({ id }) => id).join(', ')}`)
      if (limit !== null) limits.push(limit.measure())
      await turns.run()
    }
    const rows = rowsOf(turns, source.sizeBytes, limits, contenders, contenders.length - count)
    return [...(limit?.rows() ?? []), ...rows]
  } finally {
    await Promise.all(contenders.map((contender) => contender.stop()))
  }
}

/** Each that is installed; the others with a reason. What has started is in the list, whatever fails next. */
async function addTools(
  contenders: Contender[],
  { folder, memoryFolder, say }: BulkBenchSetup,
  source: SourceFile,
): Promise<void> {
  const output = { folder: join(memoryFolder, 'tools') }
  await mkdir(output.folder)
  const isThere = async (id: string, names: readonly string[]): Promise<boolean> => {
    const missing = await missingTools(names)
    if (missing.length > 0) say(`${id} is left out: not installed here: ${missing.join(', ')}`)
    return missing.length === 0
  }
  if (await isThere('curl', ['nginx', 'curl', 'openssl'])) {
    const site = await startNginx(memoryFolder, folder)
    const [first, ...others] = rangeCounts.map((count) => curlContender(site, source, count, output))
    contenders.push({ ...first!, stop: () => site.server.stop() }, ...others)
  }
  if (await isThere('aria2', ['nginx', 'aria2c', 'openssl'])) {
    const site = await startNginx(memoryFolder, folder)
    contenders.push({ ...aria2Contender(site, source, output), stop: () => site.server.stop() })
  }
  if (await isThere('rsync', ['rsync', 'ssh', 'sshd', 'ssh-keygen'])) {
    const site = await SshSite.start(folder)
    contenders.push({
      id: 'rsync',
      transfer: () => site.transfer(source.path, join(output.folder, 'rsync')),
      stop: () => site.server.stop(),
    })
  }
}

/** The rows of the turns; `limits` holds the limit of each turn, in bytes per second, or nothing. */
function rowsOf(
  turns: Turns,
  sizeBytes: number,
  limits: readonly number[],
  [ours, ...others]: readonly Contender[],
  libraryCount: number,
): BenchRow[] {
  const ids = others.map(({ id }) => id)
  const libraries = ids.slice(ids.length - libraryCount)
  const own = turns.seconds(ours!.id)
  const best = turns.best(ids.slice(0, ids.length - libraryCount))
  const row = (id: string, value: number, note: string): BenchRow => ({ id, value, unit: 'ratio', n: own.length, note })
  const versus = (theirs: string) => turns.ratio(ours!.id, theirs)
  const ofLimit = limits.map((limit, turn) => sizeBytes / own[turn]! / limit)
  return [
    ...(limits.length === 0
      ? []
      : [row('peer_pull_vs_limit', median(ofLimit), 'into a sealed segment, opened by a client; goal 0.8')]),
    ...(best === null ? [] : [row('peer_pull_vs_best_tool', versus(best), `here the best is ${best}; goal 1.2`)]),
    ...libraries.map((id) => row(`peer_pull_vs/${id}`, versus(id), `goal ${libraryGoals[id]}`)),
    ...[ours!.id, ...ids].flatMap((id) => [
      turns.rateRow('pull_gbps', id, sizeBytes),
      turns.processorRow(id, sizeBytes),
    ]),
  ]
}
