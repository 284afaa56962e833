/**
 * The main job on one machine: an origin, three nodes, real models, real requests, and a table of where each answer came from.
 *
 * A round asks for every model in the order that shows the ways a request can take: cold at the first node (origin), at the
 * second (forwarded to the holder), at the third told to serve by itself (peer), and then again everywhere (memory).
 */
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { open } from '../clients/node/index.ts'
import { createPrng, formatBytes, HoldfastError, type Prng } from '../common/index.ts'
import type { ModelView } from '../node/admin/index.ts'
import { startProgress, systemClock } from '../node/system/index.ts'
import { loadPublisherKey, type ManifestFile, openOrigin, push, runnableFileOf } from '../origin/index.ts'
import { ask, type InferBody, makeBody } from './ask.ts'
import { type DemoCluster, startDemoCluster } from './demo-cluster.ts'
import { LiveTable } from './live-table.ts'
import { type GeneratedModelName, generateModel } from './models/index.ts'
import { readInputs } from './read-inputs.ts'
import type { SpawnedNode } from './spawn-node.ts'

export interface DemoOptions {
  /** One round, then exit. */
  readonly once: boolean
  /** The caller's own ONNX file or model folder. */
  readonly modelPath?: string
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal
}

/** Small enough for a first run: 5 MB and 98 MB. VGG-16 (528 MB) is for the benches. */
const builtIn: readonly GeneratedModelName[] = ['squeezenet1.0', 'resnet50']
const nodeNames = ['alpha', 'beta', 'gamma']
const pauseMs = 1_000
const seed = 1

interface DemoModel {
  readonly name: string
  readonly path: string
}

export async function runDemo(options: DemoOptions): Promise<void> {
  try {
    await playDemo(options)
  } catch (error) {
    // Ctrl-C reaches the nodes too: whatever was under way fails, and that is what was asked for.
    if (!options.signal.aborted) throw error
  }
}

async function playDemo(options: DemoOptions): Promise<void> {
  const table = new LiveTable(process.stdout)
  const models = await prepareModels(options, table)
  table.line('starting an origin and three nodes ...')
  const cluster = await startDemoCluster({ names: nodeNames })
  try {
    await pushModels(cluster, models, table)
    showUrls(cluster, models, table)
    table.head()
    const stage: Stage = { table, random: createPrng(seed), bodies: new Map() }
    for (const model of models) await showModel(cluster, model, stage)
    await showCluster(cluster, table)
    if (!options.once) await keepAsking(cluster, models, stage, options.signal)
  } finally {
    table.line('stopping ...')
    await cluster.stop()
  }
}

interface Stage {
  readonly table: LiveTable
  readonly random: Prng
  readonly bodies: Map<string, InferBody>
}

async function prepareModels(options: DemoOptions, table: LiveTable): Promise<DemoModel[]> {
  const models: DemoModel[] = []
  const own = options.modelPath
  if (own !== undefined && !existsSync(own)) {
    throw new HoldfastError('BAD_REQUEST', `There is no ${own}; pass an ONNX file or a model folder.`)
  }
  const cachePath = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'holdfast', 'models')
  for (const name of builtIn) {
    const path = join(cachePath, name)
    await mkdir(path, { recursive: true })
    const written = await generateModel(name, path, { signal: options.signal })
    table.line(`model ${name}: true architecture, random weights, ${formatBytes(written.sizeBytes)}`)
    models.push({ name: `demo/${name}`, path })
  }
  if (own !== undefined) models.push({ name: ownName(own), path: resolve(own) })
  return models
}

function ownName(path: string): string {
  const name = basename(resolve(path))
    .replace(/\.onnx$/i, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/g, '-')
  return `mine/${/^[a-z0-9]/.test(name) ? name : 'model'}`
}

async function pushModels(cluster: DemoCluster, models: readonly DemoModel[], table: LiveTable): Promise<void> {
  const origin = openOrigin(cluster.originUrl, { clock: systemClock })
  const publisherKey = await loadPublisherKey(join(cluster.folder, 'publisher.key'))
  for (const { name, path } of models) {
    const progress = await startProgress({
      title: `push ${name}`,
      stream: process.stderr,
      nowMs: () => performance.now(),
    })
    const result = await push({
      source: path,
      name,
      origin,
      publisherKey,
      onProgress: ({ doneBytes, totalBytes }) => progress.update({ doneBytes, totalBytes }),
    }).finally(() => progress.end())
    table.line(
      `pushed ${name}: ${formatBytes(result.newBytes)} in ${result.chunks} chunks, sha256:${result.digest.slice(0, 12)}`,
    )
  }
}

function showUrls(cluster: DemoCluster, models: readonly DemoModel[], table: LiveTable): void {
  table.line('')
  table.line(`origin  ${cluster.originUrl}`)
  for (const { name, httpUrl, socketPath } of cluster.nodes)
    table.line(`${name.padEnd(7)} ${httpUrl}  store ${socketPath}`)
  const [node] = cluster.nodes
  table.line(`try     curl -s ${node!.httpUrl}/v1/cluster`)
  table.line(`        curl -s ${node!.httpUrl}/v1/route/${models[0]!.name}`)
  table.line(`        curl -s ${node!.httpUrl}/metrics`)
  table.line('')
}

/** The ways of one model, from cold to warm. */
async function showModel(cluster: DemoCluster, model: DemoModel, stage: Stage): Promise<void> {
  const [alpha, beta, gamma] = cluster.nodes as [SpawnedNode, SpawnedNode, SpawnedNode]
  const graph = graphPathOf(model)
  if (graph === null) return showWeights(cluster, model, stage)
  stage.bodies.set(model.name, makeBody(await readInputs(graph), stage.random))
  await request(cluster, alpha, model, stage)
  await request(cluster, alpha, model, stage)
  await request(cluster, beta, model, stage)
  await request(cluster, gamma, model, stage, false)
  await request(cluster, gamma, model, stage)
}

/** A model without a graph to run: every node opens the weights, as a process that reads them by itself would. */
async function showWeights(cluster: DemoCluster, model: DemoModel, { table }: Stage): Promise<void> {
  for (const node of cluster.nodes) {
    const startedMs = performance.now()
    using opened = await open(model.name, { socketPath: node.socketPath })
    const sizeBytes = opened.files.reduce((sum, file) => sum + file.sizeBytes, 0)
    table.row({
      what: model.name,
      askedAt: node.name,
      servedAt: node.name,
      from: 'mapped',
      elapsedMs: performance.now() - startedMs,
      result: `${opened.files.length} files, ${formatBytes(sizeBytes)} of shared memory`,
    })
  }
}

function graphPathOf(model: DemoModel): string | null {
  if (model.path.endsWith('.onnx')) return model.path
  const file = statSync(model.path).isDirectory()
    ? runnableFileOf({ files: readdirSync(model.path).map((path) => ({ path })) as ManifestFile[] })
    : null
  return file === null ? null : join(model.path, file.path)
}

async function request(
  cluster: DemoCluster,
  node: SpawnedNode,
  model: DemoModel,
  { table, bodies }: Stage,
  forward = true,
): Promise<void> {
  const answer = await ask(node.httpUrl, model.name, bodies.get(model.name)!, { forward })
  const servedAt = cluster.nodes.find(({ nodeId }) => nodeId === answer.servedBy)?.name ?? answer.servedBy
  table.row({
    what: model.name,
    askedAt: node.name,
    servedAt,
    from: answer.servedFrom,
    elapsedMs: answer.elapsedMs,
    result: answer.outputs,
  })
}

async function showCluster(cluster: DemoCluster, table: LiveTable): Promise<void> {
  table.line('')
  for (const node of cluster.nodes) {
    const { models } = (await (await fetch(`${node.httpUrl}/v1/models`)).json()) as { models: ModelView[] }
    const held = models.flatMap(({ names, tier }) => (tier === null ? [] : [`${names[0] ?? 'unnamed'} in ${tier}`]))
    table.line(`${node.name.padEnd(7)} holds ${held.length === 0 ? 'nothing' : held.join(', ')}`)
  }
  table.line('')
}

/** Random requests at random nodes until the signal; a node that is killed meanwhile shows how the others go on. */
async function keepAsking(
  cluster: DemoCluster,
  models: readonly DemoModel[],
  stage: Stage,
  signal: AbortSignal,
): Promise<void> {
  const runnable = models.filter(({ name }) => stage.bodies.has(name))
  stage.table.note('a request a second from here on; end with Ctrl-C')
  while (!signal.aborted && runnable.length > 0) {
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    const node = cluster.nodes[stage.random.int(cluster.nodes.length)]!
    const model = runnable[stage.random.int(runnable.length)]!
    try {
      await request(cluster, node, model, stage)
    } catch (error) {
      if (signal.aborted) return
      stage.table.line(`${model.name} at ${node.name}: ${(error as Error).message}`)
    }
  }
  if (!signal.aborted) await once(signal, 'abort')
}
