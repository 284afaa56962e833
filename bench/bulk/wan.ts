/**
 * The same between two hosts that are far apart, over lines that lose packets: 80 ms round trip, one packet of a hundred lost. Loss holds
 * one connection of TCP to some 0.2 MB/s there, so rsync, which has one, is left out, and so is curl with less than four.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SpawnedNode } from '../../demo/index.ts'
import { LabCluster } from '../lab/lab-cluster.ts'
import { labObstacle, NetworkLab, otherLab } from '../lab/network-lab.ts'
import {
  evictFrom,
  openEverywhere,
  plainNodes,
  site,
  untilHolders,
  wideBytesPerS,
  withOrigin,
} from '../swarm/swarm-lab.ts'
import type { BenchRow } from '../types.ts'
import type { Contender, Transfer } from './contender.ts'
import { treeSeconds } from './processor-time.ts'
import type { BulkBenchPlan, BulkBenchSetup } from './setup.ts'
import { makeSourceFile } from './source-file.ts'
import { missingTools } from './tools.ts'
import { Turns } from './turns.ts'
import { aria2Contender, curlContender, startNginx } from './web-tools.ts'

const name = 'bench/far'
const oneWayMs = 40
const dropShare = 0.01
const webPort = 9200
/** As many as curl's ranges are cut into, and the most that aria2 takes to one server. */
const [curlRanges, aria2Connections] = [4, 16]

export async function wanRows(setup: BulkBenchSetup, plan: BulkBenchPlan): Promise<BenchRow[]> {
  const { say } = setup
  const missing = await missingTools(['nginx', 'curl', 'aria2c', 'openssl'])
  const obstacle =
    labObstacle() ?? otherLab() ?? (missing.length > 0 ? `not installed here: ${missing.join(', ')}` : null)
  if (obstacle !== null) {
    say(`wan_vs_best_tool is left out: ${obstacle}.`)
    return []
  }
  const { sizeBytes, repeats } = plan.wan
  say(`${sizeBytes / 1e6} MB over ${2 * oneWayMs} ms and ${dropShare * 100} % of loss`)
  const sites = withOrigin([site('here', ['puller'], wideBytesPerS), site('there', ['holder'], wideBytesPerS)], null)
  // The origin is beside the holder.
  const delayMs = [
    [0, oneWayMs, oneWayMs],
    [oneWayMs, 0, 0],
    [oneWayMs, 0, 0],
  ]
  const lab = await NetworkLab.create({ ...sites, delayMs, dropShare })
  try {
    return await rowsIn(lab, setup, sizeBytes, repeats)
  } finally {
    await lab.dispose()
  }
}

async function rowsIn(
  lab: NetworkLab,
  { folder, memoryFolder }: BulkBenchSetup,
  sizeBytes: number,
  repeats: number,
): Promise<BenchRow[]> {
  const nodes = ['holder', 'puller'].flatMap((host) => plainNodes([host], host, sizeBytes))
  const cluster = await LabCluster.start(lab, { nodes, models: [], weights: [{ name, sizeBytes }] })
  try {
    const [holder, puller] = cluster.nodes as [SpawnedNode, SpawnedNode]
    await openEverywhere(cluster, [holder], name)
    await untilHolders(puller, 1, sizeBytes)
    await cluster.removeObjects()
    const source = await makeSourceFile(join(memoryFolder, 'far.bin'), sizeBytes)
    const output = { folder: join(memoryFolder, 'far'), enter: lab.host('puller').enter }
    await mkdir(output.folder)
    const { address: host, enter } = lab.host('holder')
    const nginx = await startNginx(memoryFolder, folder, { host, port: webPort, enter })
    try {
      const tools = [
        curlContender(nginx, source, curlRanges, output),
        aria2Contender(nginx, source, output, aria2Connections),
      ]
      const ours: Contender = { id: 'holdfast', transfer: () => pull(cluster), stop: async () => {} }
      const turns = new Turns([ours, ...tools])
      for (let turn = 0; turn < repeats; turn++) await turns.run()
      const best = turns.best(tools.map(({ id }) => id))!
      const note = `here the best is ${best}; goal 1.0`
      return [
        { id: 'wan_vs_best_tool', value: turns.ratio(ours.id, best), unit: 'ratio', n: repeats, note },
        ...[ours, ...tools].map(({ id }) => turns.rateRow('wan_gbps', id, sizeBytes)),
      ]
    } finally {
      await nginx.server.stop()
    }
  } finally {
    await cluster.dispose()
  }
}

async function pull(cluster: LabCluster): Promise<Transfer> {
  const pids = cluster.nodes.map((node) => node.process.pid!)
  const beforeSeconds = await treeSeconds(...pids)
  const puller = cluster.nodes[1]!
  const { seconds } = await openEverywhere(cluster, [puller], name)
  const processorSeconds = (await treeSeconds(...pids)) - beforeSeconds
  await evictFrom(puller, name)
  return { seconds: seconds[0]!, processorSeconds }
}
