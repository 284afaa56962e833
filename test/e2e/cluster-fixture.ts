/** Real nodes as processes, an origin in a folder and generated models, all below one temporary folder. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createPrng } from '../../common/index.ts'
import { type Answered, ask, type InferBody, makeBody } from '../../demo/ask.ts'
import { type GeneratedModelName, generateModel } from '../../demo/models/index.ts'
import { readInputs } from '../../demo/read-inputs.ts'
import { type SpawnedNode, type SpawnNodeOptions, spawnNode } from '../../demo/spawn-node.ts'
import { ClusterKey } from '../../node/net/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, type PushResult, push } from '../../origin/index.ts'
import { hangMs } from '../support/hang-ms.ts'
import { until } from '../support/until.ts'

export class ClusterFixture {
  readonly folder: string
  readonly clusterKey = ClusterKey.generate()
  readonly nodes: SpawnedNode[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async create(): Promise<ClusterFixture> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'))
    const fixture = new ClusterFixture(folder)
    await mkdir(fixture.originPath)
    await writeFile(fixture.keyFile, fixture.clusterKey.text())
    return fixture
  }

  get originPath(): string {
    return join(this.folder, 'origin')
  }

  get keyFile(): string {
    return join(this.folder, 'cluster.key')
  }

  async generate(model: GeneratedModelName, seed?: number): Promise<string> {
    const path = join(this.folder, 'models', `${model}-${seed ?? 'default'}`)
    await mkdir(path, { recursive: true })
    await generateModel(model, path, seed === undefined ? {} : { seed })
    return path
  }

  async push(source: string, name: string): Promise<PushResult> {
    const publisherKey = await loadPublisherKey(join(this.folder, 'publisher.key'))
    return push({
      source,
      name,
      origin: openOrigin(pathToFileURL(this.originPath).href, { clock: systemClock }),
      publisherKey,
    })
  }

  /** `acme/tiny:v1`, and a request to it. */
  async pushTiny(): Promise<{ model: string; body: InferBody; totalBytes: number }> {
    const path = await this.generate('tiny')
    const { digest, totalBytes } = await this.push(path, 'acme/tiny:v1')
    return { model: digest, body: await this.body(join(path, 'model.onnx')), totalBytes }
  }

  /** Starts a node that joins the first one, unless told otherwise. */
  async start(
    name: string,
    options: SpawnNodeOptions['options'] = {},
    environment: Record<string, string> = {},
    enter: readonly string[] = [],
  ): Promise<SpawnedNode> {
    const bootstrap = this.nodes[0]?.addresses[0]
    const node = await spawnNode({
      name,
      dataPath: join(this.folder, name),
      logPath: join(this.folder, `${name}.log`),
      environment,
      enter,
      upTimeoutMs: hangMs,
      stopTimeoutMs: hangMs,
      options: {
        'origin.url': pathToFileURL(this.originPath).href,
        'cluster.keyFile': this.keyFile,
        'memory.limitBytes': 512 * 2 ** 20,
        'refs.freshMs': 0,
        'refs.serveStale': false,
        ...(bootstrap === undefined ? {} : { 'cluster.bootstrap': bootstrap }),
        ...options,
      },
    })
    this.nodes.push(node)
    return node
  }

  /** Every node sees every other. */
  async formed(nodes: readonly SpawnedNode[] = this.nodes): Promise<void> {
    for (const node of nodes) {
      await until(
        `${node.name} sees ${nodes.length} nodes`,
        async () => (await this.members(node)).length >= nodes.length,
      )
    }
  }

  async members(
    node: SpawnedNode,
  ): Promise<{ node: string; suspected: boolean; models: { model: string; tier: string }[] }[]> {
    return (await getJson<{ members: [] }>(node, '/v1/cluster')).members
  }

  /**
   * `at` has heard that `of` holds the model in that tier. A model on a disk alone still costs its way into memory, and where that
   * counts a request goes depends on what was measured.
   */
  async heard(at: SpawnedNode, of: SpawnedNode, model: string, tier: 'memory' | 'disk' = 'memory'): Promise<void> {
    await until(`${at.name} hears that ${of.name} holds the model in ${tier}`, async () =>
      (await this.members(at)).some(
        ({ node, models }) => node === of.nodeId && models.some((held) => held.model === model && held.tier === tier),
      ),
    )
  }

  async body(graph: string): Promise<InferBody> {
    return makeBody(await readInputs(graph), createPrng(1))
  }

  infer(node: SpawnedNode, model: string, body: InferBody, options: { forward?: boolean } = {}): Promise<Answered> {
    return ask(node.httpUrl, model, body, options)
  }

  async metric(node: SpawnedNode, name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${node.httpUrl}/metrics`)).text()
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name}${labels} `))
    return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ') + 1))
  }

  fetchedBytes(node: SpawnedNode, source: 'peer' | 'origin' | 'local'): Promise<number> {
    return this.metric(node, 'holdfast_fetched_bytes_total', `{source="${source}"}`)
  }

  async log(node: Pick<SpawnedNode, 'logPath'>): Promise<string> {
    return readFile(node.logPath, 'utf8')
  }

  /** The origin is gone, as a mount that fell away. */
  async takeOriginAway(): Promise<void> {
    await rename(this.originPath, `${this.originPath}-away`)
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
    await rm(this.folder, { recursive: true, force: true })
  }
}

export async function getJson<T>(node: Pick<SpawnedNode, 'httpUrl'>, path: string): Promise<T> {
  const response = await fetch(`${node.httpUrl}${path}`)
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}
