/** The parts of a daemon with the faces of those of a simulated node, so that they can stand in their place. */
import { isHoldfastError, type ModelId } from '../../common/index.ts'
import type { Cluster, SimModel } from '../../sim/index.ts'
import { MemoryState } from '../support/memory-state.ts'
import { createDaemon, type DaemonNode } from './daemon-node.ts'
import type { DaemonWire } from './daemon-wire.ts'
import { nameOf, simIdOf } from './manifests.ts'

type SimNode = Cluster['nodes'][number]

const askAgainMs = 1_000
const lastWordsMs = 1_000
const codesToAskAgain = ['MEMORY_FULL', 'DISK_FULL', 'OVERLOADED']

/** What outlives the daemons of a node, and the one that lives. */
export class DaemonPlace {
  wire: DaemonWire | null = null
  readonly state = new MemoryState()
}

/** Puts the parts of a new daemon in the place of those that the node has. */
export function replaceParts(cluster: Cluster, node: SimNode, places: DaemonPlace[]): void {
  places[node.index] ??= new DaemonPlace()
  const place = places[node.index]!
  const daemon = createDaemon({ cluster, node, state: place.state, wireOf: (index) => places[index]!.wire! })
  place.wire = daemon.wire
  const { driver } = daemon
  const dispatch = driver.dispatch.bind(driver)
  // The core of a daemon looks at the time every 100 ms, here it is woken as that of a simulated node is: demand is counted and wakes none.
  driver.dispatch = (event) => {
    if (!node.up) return
    if (event.kind === 'demand') node['demand'].record(event.model, cluster.queue.nowMs)
    else {
      dispatch(event)
      node['wakeInTime']()
    }
  }
  const step: SimNode['step'] = (event) => driver.dispatch(event)
  Object.assign(node, {
    step,
    receive: (from: string, entries: Parameters<SimNode['receive']>[1]) => step({ kind: 'entries', from, entries }),
    requests: requestsOf(cluster, node, daemon),
    models: modelsOf(cluster, node, daemon),
    replication: { pins: daemon.clusterPins.protection, start: () => daemon.replication.start() },
    directory: namesOf(daemon),
    leavingNow: leavingOf(cluster, node, daemon),
  })
}

function requestsOf(cluster: Cluster, node: SimNode, { calls, inference }: DaemonNode) {
  const arrive = (name: SimModel): void => {
    const { context, mayForward } = cluster.asked[name.index]!
    calls.infer({ name: nameOf(name.id), inputs: [], outputs: null, context, mayForward }).catch((error) => {
      if (!isHoldfastError(error)) throw error
      if (codesToAskAgain.includes(error.code) && !node.draining) node.later(askAgainMs, () => arrive(name))
    })
  }
  return {
    arrive,
    isWaiting: false,
    get openCount() {
      return inference['open'].size
    },
    roomFreed: () => {},
    crash: () => {},
    checkInvariants: () => inference['machine'].checkInvariants(),
  }
}

function modelsOf(cluster: Cluster, node: SimNode, { cache, table }: DaemonNode) {
  const idOf = (index: number) => cluster.models[index]!.id
  return {
    machine: cache['machine'],
    ready: { has: (index: number) => cache.isRunnable(idOf(index)) },
    isHere: ({ id }: SimModel) => table.tierOf(id) !== null,
    isFetching: ({ id }: SimModel) => cache.loading(id)?.state === 'fetching',
    takeOver: (former: { machine: (typeof cache)['machine'] }) => {
      const { store } = node
      const rows = [...former.machine.table.all()].filter((row) =>
        former.machine.table.blobsOf(row).some(({ id }) => store.isHeld(simIdOf(id))),
      )
      cache.start(rows.map(({ spec, form }) => table.add(spec, form)))
    },
    crash: () => {
      node.store.crash()
      for (const { spec } of table.all()) {
        const isLost = spec.files.every(({ id }) => !node.store.isHeld(simIdOf(id)))
        if (isLost) node.chunks.drop(cluster.byId.get(spec.model)!)
      }
    },
  }
}

function namesOf({ directory }: DaemonNode) {
  return {
    machine: directory['machine'],
    crash: () => {},
    known: (id: ModelId) => directory.knownRef(nameOf(id)),
  }
}

function leavingOf(cluster: Cluster, node: SimNode, { drain }: DaemonNode) {
  return {
    leave: () => {
      void drain.run().then(() => {
        node.step({ kind: 'stopping' })
        node.later(lastWordsMs, () => cluster.crash(node))
      })
    },
  }
}
