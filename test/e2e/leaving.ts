/** What the tests of nodes that leave have in common. */
import { once } from 'node:events'
import { join } from 'node:path'
import type { SpawnedNode } from '../../demo/spawn-node.ts'
import type { ClusterFixture } from './cluster-fixture.ts'

/** `acme/m:v1`, and a request to it. */
export async function pushModel(
  cluster: ClusterFixture,
  model: 'tiny' | 'squeezenet1.0',
): Promise<{ id: string; body: Awaited<ReturnType<ClusterFixture['body']>> }> {
  const path = await cluster.generate(model)
  const { digest } = await cluster.push(path, 'acme/m:v1')
  return { id: digest, body: await cluster.body(join(path, 'model.onnx')) }
}

/** Sends SIGTERM; resolves with how the process ended. */
export async function terminate(node: SpawnedNode): Promise<{ code: number | null; signal: string | null }> {
  const ended = once(node.process, 'exit') as Promise<[number | null, string | null]>
  node.process.kill('SIGTERM')
  const [code, signal] = await ended
  return { code, signal }
}

/** What the node logged, line by line. */
export async function messages(cluster: ClusterFixture, node: SpawnedNode): Promise<string[]> {
  const lines = (await cluster.log(node)).trim().split('\n')
  return lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
}
