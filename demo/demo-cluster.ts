/** Three nodes on loopback, an origin in a local folder, all below one temporary folder that goes when the demo ends. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { HoldfastError } from '../common/index.ts'
import { ClusterKey } from '../node/net/index.ts'
import { type SpawnedNode, type SpawnNodeOptions, spawnNode } from './spawn-node.ts'

export interface DemoCluster {
  readonly folder: string
  readonly originUrl: string
  readonly nodes: readonly SpawnedNode[]
  stop(): Promise<void>
}

export interface DemoClusterOptions {
  readonly names: readonly string[]
  readonly options?: SpawnNodeOptions['options']
  /** Of single nodes, by name, over those of all. */
  readonly optionsOf?: Readonly<Record<string, SpawnNodeOptions['options']>>
  /** The cluster is formed when every node sees all others; a second on an idle machine. */
  readonly formTimeoutMs?: number
}

const defaultFormTimeoutMs = 60_000

export async function startDemoCluster(options: DemoClusterOptions): Promise<DemoCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-'))
  const originPath = join(folder, 'origin')
  await mkdir(originPath)
  const keyFile = join(folder, 'cluster.key')
  await writeFile(keyFile, ClusterKey.generate().text(), { mode: 0o600 })
  const originUrl = pathToFileURL(originPath).href
  const nodes: SpawnedNode[] = []
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (const name of options.names) {
      // The first address that the first node printed is all that the others are told.
      const bootstrap = nodes[0]?.addresses[0]
      nodes.push(
        await spawnNode({
          name,
          dataPath: join(folder, name),
          logPath: join(folder, `${name}.log`),
          options: {
            'origin.url': originUrl,
            'cluster.keyFile': keyFile,
            ...(bootstrap === undefined ? {} : { 'cluster.bootstrap': bootstrap }),
            ...options.options,
            ...options.optionsOf?.[name],
          },
        }),
      )
    }
    await untilFormed(nodes, options.formTimeoutMs ?? defaultFormTimeoutMs)
    return { folder, originUrl, nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function untilFormed(nodes: readonly SpawnedNode[], timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs)
  for (const node of nodes) {
    while ((await memberCount(node)) < nodes.length) {
      if (signal.aborted)
        throw new HoldfastError(
          'SYSTEM',
          `The nodes did not find each other within ${timeoutMs} ms; see ${node.logPath}.`,
        )
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function memberCount(node: SpawnedNode): Promise<number> {
  const response = await fetch(`${node.httpUrl}/v1/cluster`)
  return ((await response.json()) as { members: unknown[] }).members.length
}
