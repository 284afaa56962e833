/**
 * The main job in five figures, on two nodes on loopback: how fast weights come from the origin and from a peer, how long an open
 * of resident weights takes, what a second process that serves a model costs, and what forwarding a request adds.
 *
 * Beside them, in the same run: what the disk and the loopback do without us (a copy of the same file, plain TCP), and a bare
 * open + mmap of a file.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from '../clients/node/index.ts'
import { createPrng } from '../common/index.ts'
import {
  ask,
  type DemoCluster,
  type GeneratedModelName,
  generateModel,
  type InferBody,
  makeBody,
  readInputs,
  type SpawnedNode,
  startDemoCluster,
} from '../demo/index.ts'
import { systemClock } from '../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../origin/index.ts'
import { copyMbps, fileOpenUs, tcpMbps } from './limits.ts'
import { privatePercentOfSegments } from './private-share.ts'
import { writeRandomFile } from './random-file.ts'
import { median } from './statistics.ts'
import type { BenchContext, BenchRow } from './types.ts'

interface Sizes {
  readonly weightsBytes: number
  readonly repeats: number
  readonly opens: number
  readonly requests: number
  readonly served: GeneratedModelName
}

const MiB = 2 ** 20
const fullSizes: Sizes = { weightsBytes: 512 * MiB, repeats: 3, opens: 300, requests: 200, served: 'resnet50' }
const tinySizes: Sizes = { weightsBytes: 8 * MiB, repeats: 1, opens: 20, requests: 5, served: 'tiny' }

export async function smoke({ tiny, say }: BenchContext): Promise<BenchRow[]> {
  const sizes = tiny ? tinySizes : fullSizes
  const cluster = await startDemoCluster({
    names: ['holder', 'puller'],
    options: { 'memory.limitBytes': (sizes.repeats + 1) * sizes.weightsBytes + 512 * MiB, 'runtime.workerCount': 2 },
  })
  try {
    const [holder, puller] = cluster.nodes as [SpawnedNode, SpawnedNode]
    return [
      ...(await pulls(cluster, holder, puller, sizes, say)),
      ...(await opens(holder, sizes, say)),
      ...(await serving(cluster, holder, puller, sizes, say)),
    ]
  } finally {
    await cluster.stop()
  }
}

/** Cold opens of fresh models: at the holder from the origin, at the puller from the holder. */
async function pulls(
  cluster: DemoCluster,
  holder: SpawnedNode,
  puller: SpawnedNode,
  sizes: Sizes,
  say: (text: string) => void,
): Promise<BenchRow[]> {
  const figures = { origin: [] as number[], peer: [] as number[], copy: [] as number[], tcp: [] as number[] }
  const megabytes = sizes.weightsBytes / 1e6
  for (let run = 0; run < sizes.repeats; run++) {
    say(`pull ${run + 1} of ${sizes.repeats}: ${Math.round(megabytes)} MB from the origin, then from a peer`)
    const path = join(cluster.folder, `weights-${run}.bin`)
    await writeRandomFile(path, sizes.weightsBytes, run)
    await pushTo(cluster, path, modelOf(run))
    figures.copy.push(await copyMbps(path))
    figures.origin.push(megabytes / (await secondsToOpen(holder, modelOf(run))))
    await heardOf(puller, holder)
    figures.peer.push(megabytes / (await secondsToOpen(puller, modelOf(run))))
    figures.tcp.push(await tcpMbps(sizes.weightsBytes))
    await rm(path)
  }
  const n = sizes.repeats
  const [origin, peer, copy, tcp] = [figures.origin, figures.peer, figures.copy, figures.tcp].map(median) as [
    number,
    number,
    number,
    number,
  ]
  return [
    {
      id: 'pull_origin_mbps',
      value: origin,
      unit: 'MB/s',
      n,
      note: 'open of a cold model: read, hashed twice, in memory and on disk',
    },
    {
      id: 'file_copy_mbps',
      value: copy,
      unit: 'MB/s',
      n,
      note: 'limit: the same file copied and synced, nothing hashed',
    },
    { id: 'pull_origin_vs_copy', value: origin / copy, unit: 'ratio', n },
    {
      id: 'pull_peer_mbps',
      value: peer,
      unit: 'MB/s',
      n,
      note: 'the same from the other node, TLS 1.3, both nodes on these cores',
    },
    {
      id: 'tcp_loopback_mbps',
      value: tcp,
      unit: 'MB/s',
      n,
      note: 'limit: plain TCP between two sockets of one process',
    },
    { id: 'pull_peer_vs_tcp', value: peer / tcp, unit: 'ratio', n },
  ]
}

async function opens(holder: SpawnedNode, sizes: Sizes, say: (text: string) => void): Promise<BenchRow[]> {
  say(`${sizes.opens} opens of resident weights`)
  const openedUs: number[] = []
  const bareUs: number[] = []
  for (let run = 0; run < sizes.opens; run++) {
    const startedMs = performance.now()
    using model = await open(modelOf(0), { socketPath: holder.socketPath })
    void model.files[0]!.bytes[0]
    openedUs.push((performance.now() - startedMs) * 1000)
    bareUs.push(await fileOpenUs(process.execPath))
  }
  const n = sizes.opens
  return [
    { id: 'open_hit_us', value: median(openedUs), unit: 'us', n, note: 'connect, lease, descriptor, map, first byte' },
    {
      id: 'file_open_us',
      value: median(bareUs),
      unit: 'us',
      n,
      note: 'limit: open and read one byte of a cached file',
    },
  ]
}

async function serving(
  cluster: DemoCluster,
  holder: SpawnedNode,
  puller: SpawnedNode,
  sizes: Sizes,
  say: (text: string) => void,
): Promise<BenchRow[]> {
  say(`serving ${sizes.served} by two worker processes`)
  const served = await serve(cluster, holder, sizes.served)
  // As many requests at once as there are workers, so that each has run the model.
  await Promise.all(Array.from({ length: 8 }, () => ask(holder.httpUrl, served.name, served.body)))
  const privatePct = await privatePercentOfSegments(holder.process.pid!)
  say('requests to a small model, here and forwarded')
  const small = await serve(cluster, holder, 'tiny')
  await heardOf(puller, holder)
  const localMs: number[] = []
  const forwardedMs: number[] = []
  for (let run = 0; run < sizes.requests; run++) {
    localMs.push((await ask(holder.httpUrl, small.name, small.body)).elapsedMs)
    forwardedMs.push((await ask(puller.httpUrl, small.name, small.body)).elapsedMs)
  }
  const n = sizes.requests
  const note = 'private share of the weights that two workers map, as the kernel counts it'
  return [
    { id: 'second_process_private_pct', value: privatePct, unit: '%', n: 2, note },
    {
      id: 'infer_local_ms',
      value: median(localMs),
      unit: 'ms',
      n,
      note: 'a 100 kB model: HTTP, JSON and one call of a worker',
    },
    {
      id: 'forward_overhead_ms',
      value: median(forwardedMs) - median(localMs),
      unit: 'ms',
      n,
      note: 'asked at the other node',
    },
  ]
}

/** Pushes a generated model and has the node load it. */
async function serve(
  cluster: DemoCluster,
  node: SpawnedNode,
  model: GeneratedModelName,
): Promise<{ name: string; body: InferBody }> {
  const name = `bench/${model}`
  const path = join(cluster.folder, 'served', model)
  await mkdir(path, { recursive: true })
  await generateModel(model, path)
  await pushTo(cluster, path, name)
  const body = makeBody(await readInputs(join(path, 'model.onnx')), createPrng(1))
  await ask(node.httpUrl, name, body)
  return { name, body }
}

function modelOf(run: number): string {
  return `bench/weights-${run}`
}

async function pushTo(cluster: DemoCluster, source: string, name: string): Promise<void> {
  const publisherKey = await loadPublisherKey(join(cluster.folder, 'publisher.key'))
  await push({ source, name, origin: openOrigin(cluster.originUrl, { clock: systemClock }), publisherKey })
}

async function secondsToOpen(node: SpawnedNode, name: string): Promise<number> {
  const startedMs = performance.now()
  using model = await open(name, { socketPath: node.socketPath })
  void model.files[0]!.bytes[0]
  return (performance.now() - startedMs) / 1000
}

/** Waits until `at` knows of everything that `of` holds. */
async function heardOf(at: SpawnedNode, of: SpawnedNode): Promise<void> {
  const held = async (node: SpawnedNode) => {
    const { members } = (await (await fetch(`${node.httpUrl}/v1/cluster`)).json()) as {
      members: { node: string; models: { model: string; tier: string }[] }[]
    }
    return JSON.stringify(members.find(({ node }) => node === of.nodeId)?.models ?? null)
  }
  while ((await held(at)) !== (await held(of))) await new Promise((resolve) => setTimeout(resolve, 20))
}
