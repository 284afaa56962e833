import type { ModelId } from '../../common/types.ts'
import { Cluster, parseScenario } from '../../sim/index.ts'
import type { SimNode } from '../../sim/node/sim-node.ts'
import { type CarriedCluster, type CarriedNode, testCarriedCluster } from './carried-cluster.suite.ts'

const MiB = 1024 ** 2

const scenario = parseScenario({
  schema: 'holdfast.scenario.v1',
  name: 'four',
  durationS: 600,
  drawnSites: { count: 4, zoneCount: 2 },
  node: { memoryBytes: 1_024 * MiB },
  origin: { city: 'Dublin', bytesPerS: 500_000_000 },
  models: { count: 2, sizeBytes: [24 * MiB, 32 * MiB] },
  requests: { ratePerS: 0 },
  policy: { replication: false },
})

/** A moment of virtual time; and how much of it a condition may take. */
const [stepMs, patienceMs] = [50, 60_000]

testCarriedCluster('the simulator', async () => {
  const world = new Cluster(scenario)
  world.start(() => true)
  const nodes = world.nodes as unknown as CarriedCluster['nodes']
  const models = world.models.map(({ id }) => id) as unknown as CarriedCluster['models']
  const simulated = (node: CarriedNode): SimNode => node as SimNode
  const modelOf = (id: ModelId) => world.byId.get(id)!
  const until: CarriedCluster['until'] = async (what, look) => {
    for (let waitedMs = 0; !look(); waitedMs += stepMs) {
      if (waitedMs >= patienceMs) throw new Error(`${what} did not come true in ${patienceMs} ms of virtual time`)
      world.run(stepMs)
    }
  }
  return {
    nodes,
    models,
    start: async (node) => world.restart(simulated(node)),
    crash: async (node) => world.crash(simulated(node)),
    hold: (node, model) => simulated(node).preload([modelOf(model)]),
    drop(node, model) {
      simulated(node).release(modelOf(model), 'disk', 'dropped')
      simulated(node).release(modelOf(model), 'memory', 'dropped')
    },
    lie(node) {
      simulated(node).chunks.byzantine = true
    },
    ask: (node, model) => simulated(node).step({ kind: 'demand', model }),
    async fetch(node, model) {
      let outcome: 'peer' | 'origin' | null | undefined
      simulated(node).makeReady(modelOf(model), (source) => {
        outcome = source === 'peer' || source === 'origin' ? source : null
      })
      await until('the fetch ends', () => outcome !== undefined)
      return outcome ?? null
    },
    nowMs: () => world.queue.nowMs,
    until,
    stop: async () => undefined,
  }
})
