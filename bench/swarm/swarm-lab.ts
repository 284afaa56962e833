/** Nodes on hosts of their own that want a model at once, and when each of them had it. */
import { open } from '../../clients/node/index.ts'
import { HoldfastError } from '../../common/index.ts'
import type { SpawnedNode } from '../../demo/index.ts'
import { type LabCluster, type LabNode, labToken } from '../lab/lab-cluster.ts'
import type { LabSite, LabSpec } from '../lab/network-lab.ts'

const MiB = 2 ** 20
/** Of lines that are not meant to be the limit. */
export const wideBytesPerS = 125_000_000
const originSite = 'origin'
const lookMs = 50

export function site(name: string, hostNames: readonly string[], hostBytesPerS: number): LabSite {
  return {
    name,
    hostNames,
    upBytesPerS: null,
    downBytesPerS: null,
    hostUpBytesPerS: hostBytesPerS,
    hostDownBytesPerS: hostBytesPerS,
  }
}

/** The sites and one more for the origin, without distance between them. */
export function withOrigin(sites: readonly LabSite[], originBytesPerS: number | null): LabSpec {
  const all = [...sites, { ...site(originSite, ['origin'], wideBytesPerS), upBytesPerS: originBytesPerS }]
  return { sites: all, delayMs: all.map(() => all.map(() => 0)) }
}

export function hostNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)
}

/** Nodes without a disk tier and without copies that nobody has asked for: only what the bench wants is moved. */
export function plainNodes(hosts: readonly string[], zone: string, memoryBytes: number): LabNode[] {
  return hosts.map((host) => ({
    host,
    zone,
    options: {
      'memory.limitBytes': memoryBytes + 64 * MiB,
      'disk.limitBytes': 0,
      'runtime.workerCount': 1,
      'placement.replication': false,
    },
  }))
}

export interface Arrivals {
  /** Of each node, from the moment at which all asked. */
  readonly seconds: readonly number[]
  readonly originBytes: number
}

/** Opens the model at all nodes at once. */
export async function openEverywhere(
  cluster: LabCluster,
  nodes: readonly SpawnedNode[],
  name: string,
): Promise<Arrivals> {
  const before = await cluster.originServed()
  const startedMs = performance.now()
  const seconds = await Promise.all(
    nodes.map(async ({ socketPath }) => {
      using model = await open(name, { socketPath })
      void model.files[0]!.bytes[0]
      return (performance.now() - startedMs) / 1000
    }),
  )
  return { seconds, originBytes: (await cluster.originServed()).bytes - before.bytes }
}

export interface MemberView {
  readonly node: string
  readonly suspected: boolean
  readonly models: readonly { readonly sizeBytes: number }[]
}

/** What a node knows of the cluster. */
export async function membersAt(node: Pick<SpawnedNode, 'httpUrl'>): Promise<readonly MemberView[]> {
  return ((await ask(node, 'GET', '/v1/cluster')) as { members: MemberView[] }).members
}

/** Waits until the node knows so many holders of the model, which is the only one of its size. */
export async function untilHolders(node: SpawnedNode, count: number, sizeBytes: number): Promise<void> {
  const isHolder = ({ models }: MemberView) => models.some((model) => model.sizeBytes === sizeBytes)
  while ((await membersAt(node)).filter(isHolder).length < count) {
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

/** Takes a model out of a node's memory. */
export async function evictFrom(node: SpawnedNode, name: string): Promise<void> {
  await ask(node, 'POST', `/v1/evict/${name}`)
}

async function ask({ httpUrl }: Pick<SpawnedNode, 'httpUrl'>, method: 'GET' | 'POST', path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${labToken}`, 'content-type': 'application/json' }
  const response = await fetch(`${httpUrl}${path}`, { method, headers, ...(method === 'POST' ? { body: '{}' } : {}) })
  if (!response.ok) throw new HoldfastError('SYSTEM', `${method} ${path} failed: ${await response.text()}`)
  return response.json()
}
