/** Plays a scenario and tells what the machines of its nodes wanted done: moment, node, machine, effect. */
import {
  HandoverMachine,
  LeaveMachine,
  ModelMachine,
  NameMachine,
  NodeCore,
  ReplicationRound,
  RequestMachine,
} from '../../core/index.ts'
import type { ScenarioInputs } from '../../sim/index.ts'
import { Cluster, type Scenario } from '../../sim/index.ts'
import { Directory } from '../../sim/node/directory.ts'
import { SimNode } from '../../sim/node/sim-node.ts'
import { eventsOf, scheduleEvents } from '../../sim/world/faults.ts'
import { type DaemonPlace, replaceParts } from './daemon-parts.ts'
import { effectLine } from './effect-line.ts'

interface Machine {
  step(event: { readonly kind: string; readonly nowMs?: number }): readonly { readonly kind: string }[]
}

interface Line {
  readonly atMs: number
  /** Node and machine. */
  readonly by: string
  readonly text: string
}

const machines = {
  request: RequestMachine,
  model: ModelMachine,
  name: NameMachine,
  round: ReplicationRound,
  handover: HandoverMachine,
  leave: LeaveMachine,
  core: NodeCore,
}

/** Of the core: what concerns the bytes of models. Gossip is the world's. */
const kindsOfCore = new Set(['get-chunk', 'fetch-complete', 'fetch-failed'])

/** @param isDaemon with the daemon's parts in the place of the simulated node's. */
export async function play(scenario: Scenario, isDaemon: boolean, inputs: ScenarioInputs = {}): Promise<string[]> {
  const lines: Line[] = []
  const places: DaemonPlace[] = []
  let cluster: Cluster | null = null
  using replaced = new DisposableStack()
  // The simulator's short ways of what needs nobody: that they come to the same has tests of its own.
  replaced.use(replace(RequestMachine.prototype, 'startsAtOnce', () => () => false))
  replaced.use(replace(Directory.prototype, 'answerNow', () => () => null))
  if (isDaemon) {
    const prototype = SimNode.prototype as unknown as { beginLife(this: SimNode): void }
    const begin = (beginLife: () => void) =>
      function (this: SimNode): void {
        beginLife.call(this)
        replaceParts(this['world'] as unknown as Cluster, this, places)
      }
    replaced.use(replace(prototype, 'beginLife', begin))
  }
  for (const [name, { prototype }] of Object.entries(machines)) {
    replaced.use(recorded(prototype as unknown as Machine, name, lines, () => cluster))
  }
  cluster = new Cluster(scenario, { inputs })
  cluster.start()
  scheduleEvents(cluster, eventsOf(scenario, cluster.random.child('faults')))
  const { queue, requests, models, nodes } = cluster
  for (const [at, atMs] of requests.timesMs.entries()) {
    queue.schedule(atMs, () => cluster.request(nodes[requests.nodes[at]!]!, models[requests.models[at]!]!))
  }
  while (queue.nextAtMs <= scenario.durationS * 1_000) {
    queue.runNext()
    // All that follows without another event of the world has happened.
    if (isDaemon) await new Promise((resolve) => setImmediate(resolve))
  }
  // Between nodes, and between machines of one, what comes first in an instant is chance.
  return lines.sort((a, b) => a.atMs - b.atMs || (a.by < b.by ? -1 : a.by > b.by ? 1 : 0)).map(textOf)
}

function textOf({ atMs, by, text }: Line): string {
  return `${atMs.toFixed(3)} ${by} ${text}`
}

function recorded(prototype: Machine, name: string, lines: Line[], cluster: () => Cluster | null): Disposable {
  const record = (step: Machine['step']) =>
    function (this: Machine, event: Parameters<Machine['step']>[0]) {
      const effects = step.call(this, event)
      const world = cluster()
      if (world === null) return effects
      const { nowMs: atMs } = world.queue
      const by = `${nodeOf(world, this)} ${name}`
      for (const effect of effects) {
        if (name !== 'core' || kindsOfCore.has(effect.kind)) lines.push({ atMs, by, text: effectLine(effect) })
      }
      return effects
    }
  return replace(prototype, 'step', record)
}

/** Until it is disposed. */
function replace<T extends object, K extends keyof T>(object: T, name: K, by: (before: T[K]) => T[K]): Disposable {
  const before = object[name]
  object[name] = by(before)
  return {
    [Symbol.dispose]: () => {
      object[name] = before
    },
  }
}

/** The node whose machine it is; the one that leaves, for the machine of leaving. */
function nodeOf({ nodes }: Cluster, machine: object): string {
  const node = nodes.find((one) => {
    const { core, models, requests, directory, replication } = one as unknown as Record<string, { machine?: object }>
    const parts = [models, requests, directory, replication]
    return core === machine || parts.some((part) => part?.machine === machine) || coreOf(machine) === one.core
  })
  return node?.id ?? ''
}

function coreOf(machine: object): unknown {
  return (machine as { ports?: { core?: unknown } }).ports?.core
}
