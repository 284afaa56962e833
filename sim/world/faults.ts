/** What happens to the world: the events of a scenario, and faults drawn at its rates, each begun and ended on the virtual clock. */
import type { Prng } from '../../common/index.ts'
import type { Cluster } from '../cluster.ts'
import type { SimNode } from '../node/sim-node.ts'
import {
  type EventTarget,
  type FaultKind,
  faultKinds,
  parseScenario,
  type Scenario,
  type ScenarioEvent,
} from '../scenario/scenario.ts'
import { nodesOf } from './targets.ts'

const nobody: EventTarget = { node: null, site: null, zone: null, count: null }

/** All that the scenario says will happen, and what its fault rates draw. In order of time. */
export function eventsOf(scenario: Scenario, random: Prng): ScenarioEvent[] {
  const drawn = faultKinds.flatMap((kind) => drawFaults(kind, scenario, random.child(kind)))
  return [...scenario.events, ...drawn].sort((a, b) => a.atS - b.atS)
}

/** Ids of nodes that are not there from the start. */
export function joinersOf(events: readonly ScenarioEvent[], cluster: Cluster): Set<SimNode> {
  const joins = events.filter((event) => event.kind === 'join')
  return new Set(joins.flatMap((event) => targets(event, cluster)))
}

export function scheduleEvents(cluster: Cluster, events: readonly ScenarioEvent[]): void {
  for (const event of events) {
    cluster.queue.schedule(event.atS * 1_000 - cluster.queue.nowMs, () => begin(cluster, event))
  }
}

/** The nodes of an event are drawn from the event alone, so that another event changes nothing for it. */
function targets(event: ScenarioEvent, cluster: Cluster): SimNode[] {
  const target = 'node' in event ? event : nobody
  const random = cluster.random.child(`targets of ${event.kind} at ${event.atS}`)
  return nodesOf(target, cluster.topology, random).map((index) => cluster.nodes[index]!)
}

function begin(cluster: Cluster, event: ScenarioEvent): void {
  const nodes = targets(event, cluster)
  const { metrics, queue, scenario } = cluster
  const names =
    'node' in event ? ` ${nodes.length > 3 ? `${nodes.length} nodes` : nodes.map(({ id }) => id).join(', ')}` : ''
  metrics.mark(queue.nowMs, `${event.kind}${names}`)
  const end = apply(cluster, event, nodes)
  if (end === null || !('forS' in event) || event.forS === null) return
  // What lasts to the end of the run lasts through its last moment: the world is made whole after that.
  const restS = scenario.durationS - event.atS
  if (event.forS >= restS && restS > 0) {
    cluster.lastingFaults.push(end)
    return
  }
  queue.schedule(Math.max(0, Math.min(event.forS, restS)) * 1_000, () => {
    end()
    metrics.mark(queue.nowMs, `${event.kind} ends${names}`)
  })
}

/** @returns how to undo it, for what can be undone. */
function apply(cluster: Cluster, event: ScenarioEvent, nodes: readonly SimNode[]): (() => void) | null {
  const { network, origin, control, transport } = cluster
  switch (event.kind) {
    case 'crash': {
      const crashed = nodes.filter((node) => node.up && !node.draining)
      for (const node of crashed) cluster.crash(node)
      return () => {
        for (const node of crashed) cluster.restart(node)
      }
    }
    case 'join':
      for (const node of nodes) cluster.restart(node)
      return null
    case 'leave':
      for (const node of nodes) node.leave()
      return null
    case 'slow-disk':
      for (const node of nodes) node.diskSlowness = event.factor
      return () => {
        for (const node of nodes) node.diskSlowness = 1
      }
    case 'slow-link':
      for (const node of nodes) transport.slow(node.index, event.factor)
      return () => {
        for (const node of nodes) transport.slow(node.index, 1)
      }
    case 'partition': {
      const apart = new Set(nodes.map(({ index }) => index))
      cluster.partition((node) => apart.has(node))
      if (!event.keepsOrigin) for (const node of apart) origin.cutOff.add(node)
      transport.cutBroken()
      return () => {
        for (const node of apart) origin.cutOff.delete(node)
        cluster.heal()
      }
    }
    case 'byzantine':
      for (const node of nodes) node.chunks.byzantine = true
      return () => {
        for (const node of nodes) {
          node.chunks.byzantine = false
          // Others do not trust it again for a while.
          node.steadySinceMs = cluster.queue.nowMs
        }
      }
    case 'origin-outage':
      origin.fail()
      transport.cutBroken()
      return () => origin.recover()
    case 'gossip-loss':
      network.lossPercent = event.lossPercent
      return () => {
        network.lossPercent = cluster.scenario.gossip.lossPercent
      }
    case 'gossip-delay':
      control.delayMs = event.delayMs
      return () => {
        control.delayMs = cluster.scenario.gossip.extraDelayMs
      }
    case 'move':
      cluster.revisions.move(event)
      return null
    case 'pin':
      cluster.pin(cluster.models[event.modelRank]!, event.replicas)
      return null
    case 'flash-crowd':
    case 'push':
      // Requests of theirs are in the table of requests; here they only are marked.
      return () => {}
  }
}

function drawFaults(kind: FaultKind, { faults, durationS }: Scenario, random: Prng): ScenarioEvent[] {
  const perHour = faults.perHour[kind] ?? 0
  if (perHour <= 0) return []
  const [leastS, mostS] = faults.durationS
  const drawn: ScenarioEvent[] = []
  for (let atS = 0; ; ) {
    atS -= (Math.log(1 - random.float()) * 3_600) / perHour
    if (atS >= durationS) return drawn
    const forS = leastS + random.float() * (mostS - leastS)
    drawn.push(faultOf({ kind, atS, forS, ...(isTargeted(kind) ? { count: 1 } : {}) }))
  }
}

function isTargeted(kind: FaultKind): boolean {
  return kind !== 'origin-outage' && kind !== 'gossip-loss' && kind !== 'gossip-delay'
}

/** With the defaults of an event of a file. */
function faultOf(event: Readonly<Record<string, unknown>>): ScenarioEvent {
  const durationS = Number.MAX_SAFE_INTEGER
  const schema = 'holdfast.scenario.v1'
  return parseScenario({ schema, name: 'fault', durationS, drawnSites: { count: 1 }, events: [event] }).events[0]!
}
