/** Threads that the worker processes of a node have while many small models are loaded. Reads /proc (Linux). */
import { readdir, readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createPrng, HoldfastError } from '../../common/index.ts'
import { ask, buildMlp, makeBody, readInputs, startDemoCluster, writeModel } from '../../demo/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import type { Bench } from '../types.ts'

const modelBytes = 64 * 1024

export const sessionsThreadsRow: Bench = async ({ tiny, say }) => {
  if (process.platform !== 'linux') {
    say('sessions_threads_per_core is left out: threads are counted in /proc, which this system does not have.')
    return []
  }
  const modelCount = tiny ? 8 : 200
  say(`sessions_threads_per_core: ${modelCount} small models on one node`)
  const cluster = await startDemoCluster({ names: ['alone'] })
  try {
    const [node] = cluster.nodes
    const publisherKey = await loadPublisherKey(join(cluster.folder, 'publisher.key'))
    const origin = openOrigin(cluster.originUrl, { clock: systemClock })
    for (let index = 0; index < modelCount; index++) {
      const source = join(cluster.folder, 'models', `model-${index}`)
      // Another seed makes another model: equal ones would share a session.
      await writeModel([{ path: 'model.onnx', pieces: buildMlp(modelBytes).pieces() }], source, { seed: index + 1 })
      const name = `bench/small-${index}`
      await push({ source, name, origin, publisherKey })
      await ask(node!.httpUrl, name, makeBody(await readInputs(join(source, 'model.onnx')), createPrng(index)))
    }
    const threads = await workerThreads(node!.process.pid!)
    const cores = availableParallelism()
    const note = `${threads} threads of workers, ${modelCount} sessions, ${cores} cores; goal 4`
    return [{ id: 'sessions_threads_per_core', value: threads / cores, unit: 'threads', n: modelCount, note }]
  } finally {
    await cluster.stop()
  }
}

async function workerThreads(nodePid: number): Promise<number> {
  const tasks = await readdir(`/proc/${nodePid}/task`)
  const lists = tasks.map((task) => readFile(`/proc/${nodePid}/task/${task}/children`, 'utf8'))
  const children = (await Promise.all(lists)).join(' ').split(' ').filter(Boolean)
  if (children.length === 0) throw new HoldfastError('SYSTEM', `Node process ${nodePid} has no worker processes.`)
  const counts = await Promise.all(children.map(async (pid) => (await readdir(`/proc/${pid}/task`)).length))
  return counts.reduce((sum, count) => sum + count, 0)
}
