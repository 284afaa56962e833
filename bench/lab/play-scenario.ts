/**
 * Plays the requests of a scenario against real daemons in a laboratory that is built as the scenario says: sites, lines,
 * distances, memory and disk sizes, models, options of placement. What it measures is what the simulator predicts.
 *
 * Of a scenario only that can be played which the laboratory has: no faults, no drawn jitter, no limit per path or per client of
 * the origin. Generated networks stand for the models, one input for all.
 */

import { getPriority, setPriority } from 'node:os'
import { HoldfastError } from '../../common/index.ts'
import { ask, type SpawnedNode } from '../../demo/index.ts'
import type { RequestTable, Scenario, SimModel, Topology } from '../../sim/index.ts'
import type { TraceModel } from '../../sim/traces/index.ts'
import { median } from '../statistics.ts'
import { LabCluster, type LabNode } from './lab-cluster.ts'
import { type LabSpec, NetworkLab } from './network-lab.ts'

export interface PlayedWorld {
  readonly scenario: Scenario
  readonly topology: Topology
  readonly models: readonly SimModel[]
  readonly requests: RequestTable
}

export interface PlayedRequest {
  readonly atMs: number
  readonly servedFrom: string
  readonly elapsedMs: number
}

export interface Played {
  readonly requests: readonly PlayedRequest[]
  /** Those that were made for the scenario, with the sizes that they came to: the simulator is to have the same. */
  readonly models: readonly TraceModel[]
  /** What a conversion took on this machine before the first request: the processor is no part of what is simulated. */
  readonly deriveMs: number
  readonly failed: readonly string[]
  /** Served without a fetch: from memory or disk here, or by a holder. In percent. */
  readonly hitPercent: number
  readonly originBytes: number
  /** What a request takes on a node that has the model in memory; taken off each elapsed time. */
  readonly warmMs: number
  readonly loadDelayMeanMs: number
}

/** Of the daemons, of the lines, and of this process, which measures them: what else the machine does is not to be seen. */
const priority = -10

export async function playScenario(world: PlayedWorld, say: (text: string) => void): Promise<Played> {
  const formerPriority = getPriority()
  try {
    setPriority(priority)
  } catch (error) {
    // A container's root may not.
    say(`what else the machine does counts in: ${(error as Error).message}`)
  }
  try {
    return await playInLab(world, await NetworkLab.create(labSpecOf(world)), say)
  } finally {
    setPriority(formerPriority)
  }
}

async function playInLab(world: PlayedWorld, lab: NetworkLab, say: (text: string) => void): Promise<Played> {
  try {
    const models = world.models.map(({ sizeBytes }, index) => ({ name: modelName(index), sizeBytes }))
    const cluster = await LabCluster.start(lab, { models, nodes: nodesOf(world) })
    try {
      say(`${cluster.nodes.length} daemons are up, ${world.requests.timesMs.length} requests follow`)
      return await play(world, cluster)
    } finally {
      await cluster.dispose()
    }
  } finally {
    await lab.dispose()
  }
}

async function play({ scenario, requests: table, models }: PlayedWorld, cluster: LabCluster): Promise<Played> {
  const requests: PlayedRequest[] = []
  const failed: string[] = []
  const warmupMs = scenario.warmupS * 1_000
  const startedMs = performance.now()
  let originBefore = await cluster.originServed()
  const open: Promise<void>[] = []
  let isWarm = false
  for (const [at, atMs] of table.timesMs.entries()) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedMs + atMs - performance.now())))
    if (!isWarm && atMs >= warmupMs) {
      isWarm = true
      originBefore = await cluster.originServed()
    }
    const node = cluster.nodes[table.nodes[at]!]!
    open.push(
      request(node, modelName(table.models[at]!), cluster).then(
        ({ servedFrom, elapsedMs }) => {
          if (atMs >= warmupMs) requests.push({ atMs, servedFrom, elapsedMs })
        },
        (error: Error) => {
          failed.push(`${node.name}: ${error.message}`)
        },
      ),
    )
  }
  await Promise.all(open)
  const originAfter = await cluster.originServed()
  const warm = requests.filter(({ servedFrom }) => servedFrom === 'memory').map(({ elapsedMs }) => elapsedMs)
  if (warm.length === 0)
    throw new HoldfastError('SYSTEM', 'No request was served from memory: nothing to compare with.')
  const warmMs = median(warm)
  const hits = requests.filter(({ servedFrom }) => ['memory', 'disk', 'forwarded'].includes(servedFrom)).length
  const delays = requests.map(({ elapsedMs }) => Math.max(0, elapsedMs - warmMs))
  return {
    requests,
    models: models.map(({ initMs }, index) => {
      const name = modelName(index)
      return { name, sizeBytes: cluster.sizesBytes.get(name)!, loadMs: initMs }
    }),
    deriveMs: cluster.deriveMs,
    failed,
    hitPercent: (hits / requests.length) * 100,
    originBytes: originAfter.bytes - originBefore.bytes,
    warmMs,
    loadDelayMeanMs: delays.reduce((sum, delay) => sum + delay, 0) / delays.length,
  }
}

function request(node: SpawnedNode, model: string, cluster: LabCluster) {
  return ask(node.httpUrl, model, cluster.body)
}

function labSpecOf({ topology, scenario }: PlayedWorld): LabSpec {
  const { sites, siteOf } = topology
  const firstNode = sites.map((_, site) => siteOf.indexOf(site))
  const delayMs = sites.map((_, from) => [
    ...sites.map((_, to) => (from === to ? 0 : topology.oneWayMs(firstNode[from]!, firstNode[to]!))),
    topology.originRttMs(firstNode[from]!) / 2,
  ])
  delayMs.push([...firstNode.map((node) => topology.originRttMs(node) / 2), 0])
  const unlimited = 1_250_000_000
  return {
    sites: [
      ...sites.map((site, index) => ({
        name: site.name,
        hostNames: topology.ids.filter((_, node) => siteOf[node] === index),
        upBytesPerS: site.upBytesPerS,
        downBytesPerS: site.downBytesPerS,
        hostUpBytesPerS: site.node.upBytesPerS,
        hostDownBytesPerS: site.node.downBytesPerS,
      })),
      {
        name: 'origin',
        hostNames: ['origin'],
        upBytesPerS: scenario.origin.bytesPerS,
        downBytesPerS: null,
        hostUpBytesPerS: unlimited,
        hostDownBytesPerS: unlimited,
      },
    ],
    delayMs,
  }
}

function nodesOf({ topology, scenario }: PlayedWorld): LabNode[] {
  return topology.ids.map((host, node) => {
    const { memoryBytes, diskBytes, workerCount } = topology.nodeSpec(node)
    return {
      host,
      zone: topology.zoneOf(node),
      options: {
        'memory.limitBytes': memoryBytes,
        'disk.limitBytes': diskBytes,
        'runtime.workerCount': workerCount,
        'runtime.threads': 1,
        'refs.freshMs': scenario.names.freshS * 1_000,
        'placement.eviction': scenario.policy.eviction,
        'placement.replication': scenario.policy.replication,
      },
    }
  })
}

function modelName(index: number): string {
  return `lab/m${String(index).padStart(3, '0')}`
}
