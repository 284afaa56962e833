/**
 * Clients that load one model after the other, by Pareto popularity, through a node with memory for half of all models, beside private
 * loading with a page cache of the same bytes. The node is a whole one, with its policy of what to evict.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createPrng } from '../../common/index.ts'
import { type DemoCluster, startDemoCluster } from '../../demo/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import { writeRandomFile } from '../random-file.ts'
import type { BenchRow } from '../types.ts'
import type { StoreBenchPlan, StoreBenchSetup } from './setup.ts'

/** Of Pareto's law of 80 and 20. */
const paretoShape = 1.16
const memoryShare = 0.5
const seed = 601

interface Loadable {
  readonly name: string
  readonly path: string
}

export async function oversubscribedRows(setup: StoreBenchSetup, plan: StoreBenchPlan): Promise<BenchRow[]> {
  const { programs, say } = setup
  const { models, percents, clients, loadsPerClient } = plan.pareto
  const totalBytes = models.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const budgetBytes = Math.ceil(totalBytes * memoryShare)
  say(`oversubscription: ${models.length} models of ${Math.round(totalBytes / 1e6)} MB, memory for half, seed ${seed}`)
  const cluster = await startDemoCluster({ names: ['bench'], options: { 'memory.limitBytes': budgetBytes } })
  try {
    const node = cluster.nodes[0]!
    const loadables = await publish(setup, plan, cluster)
    for (const { name } of loadables) await programs.number('bytes', ['store', node.socketPath, name])
    const rows: BenchRow[] = []
    for (const percent of percents) {
      for (const count of clients) {
        const prng = createPrng(seed).child(`${percent}-${count}`)
        const used = loadables.slice(0, Math.max(1, Math.round((loadables.length * percent) / 100)))
        const sequences = Array.from({ length: count }, () =>
          Array.from({ length: loadsPerClient }, () => drawPareto(prng.float(), used.length)),
        )
        const inputOf = (names: readonly string[]) =>
          [names.length, ...names, count, ...sequences.map((loads) => `${loads.length} ${loads.join(' ')}`), ''].join(
            '\n',
          )
        const [paths, names] = [used.map(({ path }) => path), used.map(({ name }) => name)]
        await programs.forget(...paths)
        const ownS = await programs.number('workload', ['private', budgetBytes], inputOf(paths))
        for (const { name } of used) await evict(node.httpUrl, name)
        const oursS = await programs.number('workload', ['store', node.socketPath], inputOf(names))
        const n = count * loadsPerClient
        const per = (seconds: number) => `${((1000 * seconds * count) / n).toFixed(1)} ms`
        say(`${percent}% of the models, ${count} clients: ${per(oursS)} a load, private ${per(ownS)}`)
        const note = `${used.length} models, a load ${per(oursS)}, private ${per(ownS)}, both cold at first; goal 1`
        rows.push({ id: `oversubscribed/${percent}%x${count}`, value: ownS / oursS, unit: 'ratio', n, note })
      }
    }
    return rows
  } finally {
    await cluster.stop()
  }
}

/** In an order that has nothing to do with their sizes, so that popularity has nothing to do with it either. */
async function publish(setup: StoreBenchSetup, plan: StoreBenchPlan, cluster: DemoCluster): Promise<Loadable[]> {
  const folder = join(setup.folder, 'pareto')
  await mkdir(folder)
  const publisherKey = await loadPublisherKey(join(cluster.folder, 'publisher.key'))
  const origin = openOrigin(cluster.originUrl, { clock: systemClock })
  const loadables: Loadable[] = []
  const prng = createPrng(seed).child('order')
  const order = plan.pareto.models.map((model) => ({ model, key: prng.float() })).sort((a, b) => a.key - b.key)
  for (const [index, { model }] of order.entries()) {
    const path = join(folder, `${index}.bin`)
    await writeRandomFile(path, model.sizeBytes, 20_000 + index)
    const name = `bench/pareto-${index}`
    await push({ source: path, name, origin, publisherKey })
    loadables.push({ name, path })
  }
  return loadables
}

/** Rank by a Pareto variate, cut off at the number of models: most are of the first few. */
function drawPareto(uniform: number, count: number): number {
  const share = 1 - (count + 1) ** -paretoShape
  return Math.min(count - 1, Math.floor((1 - uniform * share) ** (-1 / paretoShape)) - 1)
}

async function evict(httpUrl: string, name: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  await fetch(`${httpUrl}/v1/evict/${name}`, { method: 'POST', headers, body: JSON.stringify({ disk: false }) })
}
