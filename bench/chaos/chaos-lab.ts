/**
 * Four nodes with default options on hosts of their own, two in each of two zones, with an origin on a third site. Each has a disk and a
 * clock of its own, so that both can go wrong.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type SpawnedNode, spawnNode } from '../../demo/index.ts'
import { ClusterKey } from '../../node/net/index.ts'
import { packageRoot } from '../../node/system/index.ts'
import { labToken } from '../lab/lab-cluster.ts'
import { type LabSite, NetworkLab } from '../lab/network-lab.ts'
import { type OriginProcess, startOriginFront } from '../lab/origin-process.ts'
import { ChaosModels } from './chaos-models.ts'

const run = promisify(execFile)

export interface ChaosNode {
  readonly host: string
  readonly zone: string
  readonly dataPath: string
  readonly diskBytes: number
  readonly clockPath: string
  /** The run of the node that is there now; null while it is down. */
  process: SpawnedNode | null
  /** How often it was started. */
  starts: number
}

const zones = ['north', 'south']
const nodesPerZone = 2
const originHost = 'origin'
const [originPort, bulkPort, clusterPort, httpPort] = [9000, 9001, 9002, 9003]
const diskBytes = 192 * 2 ** 20
const lineBytesPerS = 125_000_000
/** Between zones, and to the origin, one way. */
const delayMs = 5
const upTimeoutMs = 300_000

export class ChaosLab {
  readonly nodes: readonly ChaosNode[]
  readonly net: NetworkLab
  readonly models: ChaosModels
  readonly folder: string
  origin: OriginProcess | null = null
  private readonly mounts: string[] = []

  private constructor(net: NetworkLab, folder: string) {
    this.net = net
    this.folder = folder
    this.models = new ChaosModels(folder)
    this.nodes = zones.flatMap((zone) =>
      Array.from({ length: nodesPerZone }, (_, at) => {
        const host = `${zone}${at + 1}`
        return {
          host,
          zone,
          dataPath: join(folder, host),
          diskBytes,
          clockPath: join(folder, `${host}.clock`),
          process: null,
          starts: 0,
        }
      }),
    )
  }

  static async start(): Promise<ChaosLab> {
    const sites = [...zones.map((zone) => site(zone, [`${zone}1`, `${zone}2`])), site('origin', [originHost])]
    const net = await NetworkLab.create({
      sites,
      delayMs: sites.map((_, from) => sites.map((__, to) => (from === to ? 0 : delayMs))),
    })
    const lab = new ChaosLab(net, await mkdtemp(join(tmpdir(), 'holdfast-chaos-')))
    try {
      await lab.build()
      return lab
    } catch (error) {
      await lab.dispose()
      throw error
    }
  }

  async startNode(node: ChaosNode): Promise<void> {
    const { enter, address } = this.net.host(node.host)
    const others = this.nodes.filter((other) => other !== node)
    const bootstrap = others.map(({ host }) => `/ip4/${this.net.host(host).address}/tcp/${clusterPort}`)
    node.starts += 1
    node.process = await spawnNode({
      name: node.host,
      dataPath: node.dataPath,
      logPath: join(this.folder, `${node.host}.log`),
      enter,
      upTimeoutMs,
      environment: {
        AWS_ACCESS_KEY_ID: 'lab',
        AWS_SECRET_ACCESS_KEY: 'lab',
        LD_PRELOAD: this.clockLibrary,
        BENCH_CLOCK: node.clockPath,
      },
      options: {
        'origin.url': `s3://lab?endpoint=http://${this.origin!.address}`,
        'cluster.keyFile': join(this.folder, 'cluster.key'),
        'cluster.listen': `/ip4/${address}/tcp/${clusterPort}`,
        'cluster.bulkPort': bulkPort,
        'cluster.bootstrap': bootstrap.join(','),
        'http.host': address,
        'http.port': httpPort,
        'admin.tokenFile': join(this.folder, 'admin.token'),
        'node.zone': node.zone,
      },
    })
  }

  async setClock({ clockPath }: ChaosNode, shiftS: number): Promise<void> {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(shiftS))
    // In place: the node has it mapped.
    await writeFile(clockPath, bytes, { flag: 'r+' }).catch(() => writeFile(clockPath, bytes))
  }

  /** All others of the laboratory, the origin's too. */
  otherHosts(host: string): string[] {
    return this.net.hosts.map(({ name }) => name).filter((name) => name !== host)
  }

  async stopNodes(): Promise<void> {
    await Promise.all(this.nodes.map(({ process }) => process?.stop()))
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map(({ process }) => process?.kill()))
    this.origin?.process.kill('SIGKILL')
    for (const path of this.mounts) await run('umount', ['--lazy', path]).catch(() => {})
    await this.net.dispose()
    await rm(this.folder, { recursive: true, force: true })
  }

  private get clockLibrary(): string {
    return join(this.folder, 'shift_clock.so')
  }

  private async build(): Promise<void> {
    const source = join(packageRoot, 'bench', 'programs', 'shift_clock.c')
    await run('cc', ['-O2', '-shared', '-fPIC', '-o', this.clockLibrary, source, '-ldl'])
    await writeFile(join(this.folder, 'cluster.key'), ClusterKey.generate().text(), { mode: 0o600 })
    await writeFile(join(this.folder, 'admin.token'), `${labToken}\n`, { mode: 0o600 })
    await this.models.pushAll()
    const { enter, address } = this.net.host(originHost)
    this.origin = await startOriginFront(this.models.originPath, address, originPort, enter)
    for (const node of this.nodes) {
      await mkdir(node.dataPath)
      await run('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes},mode=0700`, 'holdfast-chaos', node.dataPath])
      this.mounts.push(node.dataPath)
      await this.setClock(node, 0)
    }
    await Promise.all(this.nodes.map((node) => this.startNode(node)))
  }
}

function site(name: string, hostNames: readonly string[]): LabSite {
  const rates = { hostUpBytesPerS: lineBytesPerS, hostDownBytesPerS: lineBytesPerS }
  return { name, hostNames, upBytesPerS: null, downBytesPerS: null, ...rates }
}
