/**
 * The same bytes from one process to another on loopback: by two nodes, by what an operator would reach for, by libraries. They take
 * turns, and the limit of the machine is measured in each turn, so that what else the machine does meets all of them. A ratio is the
 * median of the ratios of the turns.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import type { Contender, Transfer } from './contender.ts'
import { DaemonPair } from './daemons.ts'
import { addLibraries } from './libraries.ts'
import { Limit } from './limit.ts'
import { SshSite } from './rsync.ts'
import type { BulkBenchPlan, BulkBenchSetup } from './setup.ts'
import { makeSourceFile, rangeCounts, type SourceFile } from './source-file.ts'
import { missingTools } from './tools.ts'
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
    const tools = contenders.slice(1)
    await addLibraries(contenders, folder, source, say)
    const libraries = contenders.slice(1 + tools.length)
    const turns = new Turns(contenders, limit)
    for (let turn = 1; turn <= plan.pullRepeats; turn++) {
      say(`pull ${turn} of ${plan.pullRepeats}: ${contenders.map(({ id }) => id).join(', ')}`)
      await turns.run()
    }
    return [...(limit?.rows() ?? []), ...turns.rows(source.sizeBytes, tools, libraries)]
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
  const outputFolder = join(memoryFolder, 'tools')
  await mkdir(outputFolder)
  const isThere = async (id: string, names: readonly string[]): Promise<boolean> => {
    const missing = await missingTools(names)
    if (missing.length > 0) say(`${id} is left out: not installed here: ${missing.join(', ')}`)
    return missing.length === 0
  }
  if (await isThere('curl', ['nginx', 'curl', 'openssl'])) {
    const site = await startNginx(memoryFolder, folder)
    const [first, ...others] = rangeCounts.map((count) => curlContender(site, source, count, outputFolder))
    contenders.push({ ...first!, stop: () => site.server.stop() }, ...others)
  }
  if (await isThere('aria2', ['nginx', 'aria2c', 'openssl'])) {
    const site = await startNginx(memoryFolder, folder)
    contenders.push({ ...aria2Contender(site, source, outputFolder), stop: () => site.server.stop() })
  }
  if (await isThere('rsync', ['rsync', 'ssh', 'sshd', 'ssh-keygen'])) {
    const site = await SshSite.start(folder)
    contenders.push({
      id: 'rsync',
      transfer: () => site.transfer(source.path, join(outputFolder, 'rsync')),
      stop: () => site.server.stop(),
    })
  }
}

class Turns {
  private readonly contenders: readonly Contender[]
  private readonly limit: Limit | null
  private readonly limits: number[] = []
  private readonly transfers = new Map<string, Transfer[]>()

  constructor(contenders: readonly Contender[], limit: Limit | null) {
    this.contenders = contenders
    this.limit = limit
  }

  async run(): Promise<void> {
    if (this.limit !== null) this.limits.push(this.limit.measure())
    for (const contender of this.contenders) {
      const former = this.transfers.get(contender.id) ?? []
      this.transfers.set(contender.id, [...former, await contender.transfer()])
    }
  }

  rows(sizeBytes: number, tools: readonly Contender[], libraries: readonly Contender[]): BenchRow[] {
    const [ours] = this.contenders as [Contender]
    const seconds = (id: string) => this.transfers.get(id)!.map((transfer) => transfer.seconds)
    const own = seconds(ours.id)
    const n = own.length
    const against = (id: string) => median(seconds(id).map((theirs, turn) => theirs / own[turn]!))
    const best = tools.map(({ id }) => id).toSorted((a, b) => median(seconds(a)) - median(seconds(b)))[0]
    const ratio = (id: string, value: number, note: string): BenchRow => ({ id, value, unit: 'ratio', n, note })
    return [
      ...(this.limits.length === 0
        ? []
        : [
            ratio(
              'peer_pull_vs_limit',
              median(own.map((taken, turn) => sizeBytes / taken / this.limits[turn]!)),
              'into a sealed segment, opened by a client; goal 0.8',
            ),
          ]),
      ...(best === undefined
        ? []
        : [ratio('peer_pull_vs_best_tool', against(best), `here the best is ${best}; goal 1.2`)]),
      ...libraries.map(({ id }) => ratio(`peer_pull_vs/${id}`, against(id), `goal ${libraryGoals[id]}`)),
      ...this.contenders.flatMap(({ id }): BenchRow[] => [
        { id: `pull_gbps/${id}`, value: sizeBytes / 1e9 / median(seconds(id)), unit: 'GB/s', n },
        {
          id: `cpu_s_per_gb/${id}`,
          value: median(this.transfers.get(id)!.map(({ processorSeconds }) => processorSeconds)) / (sizeBytes / 1e9),
          unit: 's/GB',
          n,
          note: 'processor time of both ends',
        },
      ]),
    ]
  }
}
