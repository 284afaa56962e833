/** What an operator has at hand, and looks at. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SpawnedNode } from '../../demo/spawn-node.ts'
import { type CommandResult, holdfast } from '../support/holdfast-command.ts'
import { type ClusterFixture, getJson } from './cluster-fixture.ts'

export const MiB = 2 ** 20
/** Nothing is looked up again by itself in the time of a test. */
export const neverAgain = { 'refs.freshMs': 600_000 }

export async function pushFile(
  cluster: ClusterFixture,
  name: string,
  sizeBytes = 3 * MiB,
): Promise<{ digest: string; bytes: Buffer }> {
  const unique = createHash('sha256')
    .update(name + Math.random())
    .digest('hex')
  const folder = join(cluster.folder, 'files', unique)
  await mkdir(folder, { recursive: true })
  const bytes = randomBytes(sizeBytes)
  await writeFile(join(folder, 'weights.bin'), bytes)
  const { digest } = await cluster.push(folder, name)
  return { digest, bytes }
}

/** A command to that node. */
export function at(cluster: ClusterFixture, node: SpawnedNode, ...args: string[]): Promise<CommandResult> {
  return holdfast(args, { HOLDFAST_URL: node.httpUrl, XDG_CONFIG_HOME: cluster.folder })
}

export async function tierOf(node: SpawnedNode, model: string): Promise<string | null> {
  const { models } = await getJson<{ models: { model: string; tier: string | null }[] }>(node, '/v1/models')
  return models.find((view) => view.model === model)?.tier ?? null
}

export function bytesOf(model: { file(path: string): { bytes: Uint8Array } }): Buffer {
  return Buffer.from(model.file('weights.bin').bytes)
}
