/** Nodes of a simulated cluster that want its first model at once, and what that takes. */
import type { Cluster } from '../../sim/index.ts'

type SimNode = Cluster['nodes'][number]

export interface Crowd {
  /** By node, from the moment in which all want it. */
  readonly seconds: readonly number[]
  readonly originCopies: number
  /** By site: bytes that came in over its line, over the bytes of the model. */
  readonly copiesInto: readonly number[]
}

/** Nodes know each other by then, and what the holders have. */
const formedMs = 10_000
const endMs = 3_600_000

/** @param holders have the model from the start; the others want it. */
export function playCrowd(cluster: Cluster, holders: readonly SimNode[] = []): Crowd {
  const model = cluster.models[0]!
  const wide = () => cluster.topology.sites.map((_, site) => cluster.transport.bytesInto(site))
  const others = begin(cluster, holders)
  const [startMs, before] = [cluster.queue.nowMs, wide()]
  const seconds: number[] = []
  for (const node of others) {
    node.makeReady(model, (outcome) => {
      if (typeof outcome !== 'string') throw new Error(`a simulated fetch failed: ${outcome.message}`)
      seconds.push((cluster.queue.nowMs - startMs) / 1_000)
    })
  }
  while (seconds.length < others.length && cluster.queue.nowMs < endMs) cluster.run(1_000)
  if (seconds.length < others.length) throw new Error('a simulated fetch did not end')
  return {
    seconds,
    originCopies: cluster.origin.bytesServed / model.sizeBytes,
    copiesInto: wide().map((bytes, site) => (bytes - before[site]!) / model.sizeBytes),
  }
}

/** Of each node that asked it for something when it died: how long after that it heard for the last time that nothing comes from there. */
export function secondsToAvoid(cluster: Cluster, holders: readonly SimNode[]): number[] {
  const model = cluster.models[0]!
  const dead = holders[0]!
  const others = begin(cluster, holders)
  let diedAtMs = Number.POSITIVE_INFINITY
  const heard = new Map<SimNode, number>()
  let doneCount = 0
  for (const node of others) {
    const step = node.step.bind(node)
    node.step = (event) => {
      const isOfDead = event.kind === 'chunk-failed' && event.source.kind === 'peer' && event.source.node === dead.id
      if (isOfDead) heard.set(node, (cluster.queue.nowMs - diedAtMs) / 1_000)
      step(event)
    }
    node.makeReady(model, (outcome) => {
      if (typeof outcome !== 'string') throw new Error(`a simulated fetch failed: ${outcome.message}`)
      doneCount += 1
    })
  }
  cluster.run(1_500)
  diedAtMs = cluster.queue.nowMs
  cluster.crash(dead)
  while (doneCount < others.length && cluster.queue.nowMs < endMs) cluster.run(1_000)
  if (doneCount < others.length) throw new Error('a simulated fetch did not end')
  return [...heard.values()]
}

function begin(cluster: Cluster, holders: readonly SimNode[]): SimNode[] {
  cluster.start()
  for (const holder of holders) holder.preload([cluster.models[0]!])
  cluster.run(formedMs)
  return cluster.nodes.filter((node) => !holders.includes(node))
}
