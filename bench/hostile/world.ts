/** Two nodes with default options, an origin, and a model that both serve; below one temporary folder. */
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { generateModel, type SpawnedNode, spawnNode } from '../../demo/index.ts'
import { ClusterKey } from '../../node/net/index.ts'
import { systemClock } from '../../node/system/index.ts'
import {
  canonicalBytes,
  encodeRef,
  loadPublisherKey,
  openOrigin,
  parseModelName,
  push,
  signRef,
} from '../../origin/index.ts'
import { type CheckedModel, checkedModel } from '../lab/checked-model.ts'
import { startOriginFront } from '../lab/origin-process.ts'
import { type HonestUser, honestUsers, secondsUntilServed } from './honest-users.ts'
import type { AttackFacts, HostileCase, Preparation } from './types.ts'

const honestName = 'honest/tiny'
/** Starts on a loaded machine take a while. */
const upTimeoutMs = 300_000

export class HostileWorld {
  readonly nodes: SpawnedNode[] = []
  readonly clusterKey = ClusterKey.generate()
  private readonly folder: string
  private origin: { readonly process: ChildProcess; readonly address: string } | null = null
  private model: CheckedModel | null = null
  private hostileNames: readonly string[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async start(hostile: HostileCase): Promise<HostileWorld> {
    const world = new HostileWorld(await mkdtemp(join(tmpdir(), 'holdfast-hostile-')))
    try {
      await world.build(hostile)
      return world
    } catch (error) {
      await world.dispose()
      throw error
    }
  }

  get victim(): SpawnedNode {
    return this.nodes[0]!
  }

  users(): readonly HonestUser[] {
    const { victim, clusterKey, model } = this
    return honestUsers({ victim, other: this.nodes[1]!, clusterKey, model: model! })
  }

  facts(): AttackFacts {
    const { victim } = this
    return {
      victim: victim.nodeId,
      other: this.nodes[1]!.nodeId,
      clusterAddress: victim.addresses[0]!,
      bulkAddress: victim.bulkAddress,
      httpUrl: victim.httpUrl,
      socketPath: victim.socketPath,
      clusterKey: this.clusterKey.text(),
      honest: this.model!,
      hostileNames: this.hostileNames,
      originAddress: this.origin?.address ?? null,
    }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
    this.origin?.process.kill('SIGKILL')
    await rm(this.folder, { recursive: true, force: true })
  }

  private get originPath(): string {
    return join(this.folder, 'origin')
  }

  private async build(hostile: HostileCase): Promise<void> {
    await mkdir(this.originPath)
    await writeFile(join(this.folder, 'cluster.key'), this.clusterKey.text(), { mode: 0o600 })
    const source = join(this.folder, 'models', 'honest')
    await mkdir(source, { recursive: true })
    await generateModel('tiny', source)
    this.model = await checkedModel(honestName, join(source, 'model.onnx'))
    await this.push(source, honestName)
    this.hostileNames = (await hostile.prepare?.(this.preparation())) ?? []
    if (hostile.origin === 'web') this.origin = await startOriginFront(this.originPath, '127.0.0.1', 0)
    for (const name of ['victim', 'other']) this.nodes.push(await this.startNode(name))
    // Everybody has been served once: an attack begins against nodes that run.
    await secondsUntilServed(this.users(), upTimeoutMs)
  }

  private startNode(name: string): Promise<SpawnedNode> {
    const bootstrap = this.nodes[0]?.addresses[0]
    const { origin } = this
    const originUrl =
      origin === null ? pathToFileURL(this.originPath).href : `s3://hostile?endpoint=http://${origin.address}`
    return spawnNode({
      name,
      dataPath: join(this.folder, name),
      logPath: join(this.folder, `${name}.log`),
      upTimeoutMs,
      environment: { AWS_ACCESS_KEY_ID: 'lab', AWS_SECRET_ACCESS_KEY: 'lab' },
      options: {
        'origin.url': originUrl,
        'cluster.keyFile': join(this.folder, 'cluster.key'),
        ...(bootstrap === undefined ? {} : { 'cluster.bootstrap': bootstrap }),
      },
    })
  }

  private preparation(): Preparation {
    const { folder, originPath } = this
    return {
      folder,
      originPath,
      push: (source, name) => this.push(source, name),
      publish: async (name, manifest) => {
        const bytes = canonicalBytes(manifest)
        const digest = createHash('sha256').update(bytes).digest('hex')
        const key = await this.publisherKey()
        const ref = signRef({ name: parseModelName(name), manifest: digest, sequence: 1 }, key)
        await write(join(originPath, 'manifests', `${digest}.json`), bytes)
        await write(join(originPath, 'refs', name, 'latest'), encodeRef(ref))
      },
    }
  }

  private async push(source: string, name: string): Promise<void> {
    const origin = openOrigin(pathToFileURL(this.originPath).href, { clock: systemClock })
    await push({ source, name, origin, publisherKey: await this.publisherKey() })
  }

  private publisherKey() {
    return loadPublisherKey(join(this.folder, 'publisher.key'))
  }

  /** The end of the victim's log, for reports. */
  async logTail(lines: number): Promise<string> {
    return (await readFile(this.victim.logPath, 'utf8')).trimEnd().split('\n').slice(-lines).join('\n')
  }
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
}
