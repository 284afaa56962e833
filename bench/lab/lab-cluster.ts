/**
 * Real daemons on the hosts of a laboratory, with generated models at an origin that stands on a host of its own. One daemon per
 * host; the origin's host is named `origin` and runs none.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createPrng, HoldfastError } from '../../common/index.ts'
import {
  buildMlp,
  type InferBody,
  makeBody,
  readInputs,
  type SpawnedNode,
  type SpawnNodeOptions,
  spawnNode,
  writeModel,
} from '../../demo/index.ts'
import { ClusterKey } from '../../node/net/index.ts'
import { defaultOnnxRuntimeOptions, deriveModel } from '../../node/runtime/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import { writeRandomFile } from '../random-file.ts'
import { median } from '../statistics.ts'
import type { LabHost, NetworkLab } from './network-lab.ts'
import type { Served } from './origin-front.ts'
import { startOriginFront } from './origin-process.ts'

export interface LabModel {
  /** As in `lab/m07`. */
  readonly name: string
  readonly sizeBytes: number
}

export interface LabNode {
  readonly host: string
  readonly zone: string
  readonly options: SpawnNodeOptions['options']
}

export interface LabClusterSpec {
  readonly nodes: readonly LabNode[]
  /** Graphs that can run. */
  readonly models: readonly LabModel[]
  /** Files of random bytes, for what is moved and not run. */
  readonly weights?: readonly LabModel[]
}

const originHost = 'origin'
const originPort = 9000
const bulkPort = 9001
const clusterPort = 9002
const httpPort = 9003
const lookMs = 200
const pageBytes = 4_096
const conversionCount = 5
/** Of starts and of the first gossip: it ends a laboratory that hangs; a machine that does other things as well takes a while. */
const formedTimeoutMs = 300_000

export class LabCluster {
  readonly nodes: SpawnedNode[] = []
  /** What a model occupies in memory, by name: the form that the runtime runs is a little larger than the file. */
  readonly sizesBytes = new Map<string, number>()
  /** The conversion of a model on this machine, as it is now. */
  deriveMs = 0
  private readonly lab: NetworkLab
  private readonly folder: string
  private origin: ChildProcess | null = null
  /** All models take the same input. */
  body: InferBody = { inputs: [] }

  private constructor(lab: NetworkLab, folder: string) {
    this.lab = lab
    this.folder = folder
  }

  static async start(lab: NetworkLab, spec: LabClusterSpec): Promise<LabCluster> {
    const cluster = new LabCluster(lab, await mkdtemp(join(tmpdir(), 'holdfast-lab-')))
    try {
      await cluster.pushModels(spec.models)
      await cluster.pushWeights(spec.weights ?? [])
      await cluster.startOrigin()
      await cluster.startNodes(spec.nodes)
      await cluster.formed()
    } catch (error) {
      await cluster.dispose()
      throw error
    }
    return cluster
  }

  async originServed(): Promise<Served> {
    return (await fetch(`http://${this.originAddress}/-/served`)).json() as Promise<Served>
  }

  /** What the origin has of models goes; tags and manifests stay. */
  async removeObjects(): Promise<void> {
    await rm(join(this.originFolder, 'objects'), { recursive: true })
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
    this.origin?.kill('SIGKILL')
    await rm(this.folder, { recursive: true, force: true })
  }

  private get originAddress(): string {
    return `${this.lab.host(originHost).address}:${originPort}`
  }

  private get originFolder(): string {
    return join(this.folder, 'origin')
  }

  private async pushModels(models: readonly LabModel[]): Promise<void> {
    await mkdir(this.originFolder)
    const { origin, publisherKey } = await this.publisher()
    let formBytes: number | null = null
    for (const [index, { name, sizeBytes }] of models.entries()) {
      const source = join(this.folder, 'models', String(index))
      const pieces = buildMlp(sizeBytes).pieces()
      const { files } = await writeModel([{ path: 'model.onnx', pieces }], source, { seed: index + 1 })
      if (index === 0) this.body = makeBody(await readInputs(files[0]!), createPrng(1))
      const { totalBytes } = await push({ source, name, origin, publisherKey })
      formBytes ??= (await this.derivedBytes(files[0]!)) - totalBytes
      this.sizesBytes.set(name, pageBytes * Math.ceil((totalBytes + formBytes) / pageBytes))
      await rm(source, { recursive: true })
    }
  }

  private async pushWeights(weights: readonly LabModel[]): Promise<void> {
    const { origin, publisherKey } = await this.publisher()
    for (const [index, { name, sizeBytes }] of weights.entries()) {
      const source = join(this.folder, `weights-${index}.bin`)
      await writeRandomFile(source, sizeBytes, index + 1)
      await push({ source, name, origin, publisherKey })
      await rm(source)
    }
  }

  private async publisher() {
    const origin = openOrigin(pathToFileURL(this.originFolder).href, { clock: systemClock })
    return { origin, publisherKey: await loadPublisherKey(join(this.folder, 'publisher.key')) }
  }

  /** More than the file by the same for all, since they differ in their weights alone. */
  private async derivedBytes(path: string): Promise<number> {
    const output = `${path}.derived`
    const elapsedMs: number[] = []
    for (let repeat = 0; repeat < conversionCount; repeat += 1) {
      const startedMs = systemClock.nowMs()
      await deriveModel(path, output, {
        clock: systemClock,
        limits: defaultOnnxRuntimeOptions,
        signal: new AbortController().signal,
      })
      elapsedMs.push(systemClock.nowMs() - startedMs)
    }
    this.deriveMs = median(elapsedMs)
    return (await stat(output)).size
  }

  private async startOrigin(): Promise<void> {
    const { enter, address } = this.lab.host(originHost)
    this.origin = (await startOriginFront(this.originFolder, address, originPort, enter)).process
  }

  private async startNodes(nodes: readonly LabNode[]): Promise<void> {
    const keyFile = join(this.folder, 'cluster.key')
    await writeFile(keyFile, ClusterKey.generate().text())
    const [first, ...others] = nodes
    // The others are told of the first one alone, and start together.
    if (first !== undefined) this.nodes.push(await this.startNode(first, keyFile, undefined))
    const bootstrap = this.nodes[0]?.addresses[0]
    const starts = await Promise.allSettled(others.map((node) => this.startNode(node, keyFile, bootstrap)))
    for (const start of starts) if (start.status === 'fulfilled') this.nodes.push(start.value)
    for (const start of starts) if (start.status === 'rejected') throw start.reason
  }

  private startNode({ host, zone, options }: LabNode, keyFile: string, bootstrap: string | undefined) {
    const { enter, address } = this.lab.host(host)
    return spawnNode({
      name: host,
      dataPath: join(this.folder, host),
      logPath: join(this.folder, `${host}.log`),
      enter,
      upTimeoutMs: formedTimeoutMs,
      environment: { AWS_ACCESS_KEY_ID: 'lab', AWS_SECRET_ACCESS_KEY: 'lab' },
      options: {
        'origin.url': `s3://lab?endpoint=http://${this.originAddress}`,
        'cluster.keyFile': keyFile,
        'cluster.listen': `/ip4/${address}/tcp/${clusterPort}`,
        'cluster.bulkPort': bulkPort,
        'http.host': address,
        'http.port': httpPort,
        'admin.token': labToken,
        'node.zone': zone,
        ...(bootstrap === undefined ? {} : { 'cluster.bootstrap': bootstrap }),
        ...options,
      },
    })
  }

  private async formed(): Promise<void> {
    const deadlineMs = systemClock.nowMs() + formedTimeoutMs
    for (const node of this.nodes) {
      while ((await memberCount(node)) < this.nodes.length) {
        if (systemClock.nowMs() > deadlineMs) {
          throw new HoldfastError(
            'SYSTEM',
            `${node.name} sees ${await memberCount(node)} nodes after ${formedTimeoutMs} ms.`,
          )
        }
        await new Promise((resolve) => setTimeout(resolve, lookMs))
      }
    }
  }
}

/** The interface is bound to an address that others reach, so it asks for a token. */
export const labToken = 'laboratory-admin-token'

async function memberCount(node: Pick<SpawnedNode, 'httpUrl'>): Promise<number> {
  const response = await fetch(`${node.httpUrl}/v1/cluster`, { headers: { authorization: `Bearer ${labToken}` } })
  return ((await response.json()) as { members?: unknown[] }).members?.length ?? 0
}

export function hostsOf(lab: NetworkLab): readonly LabHost[] {
  return lab.hosts.filter(({ name }) => name !== originHost)
}
