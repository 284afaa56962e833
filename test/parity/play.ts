/** Plays a scenario and tells what the machines of requests wanted done: moment, node, effect. */
import { vi } from 'vitest'
import { RequestMachine } from '../../core/requests/request-machine.ts'
import { Cluster, type Scenario } from '../../sim/index.ts'
import { SimRequests } from '../../sim/node/requests.ts'
import { DaemonRequests } from './daemon-requests.ts'
import { effectLine } from './effect-line.ts'

/** @param isDaemon with the daemon's parts in the place of the simulated node's. */
export async function play(scenario: Scenario, isDaemon: boolean): Promise<string[]> {
  const lines: string[] = []
  using _step = recorded(lines)
  // The simulator's short way of what runs at once: that it is the same has a test of its own.
  using _short = vi.spyOn(RequestMachine.prototype, 'startsAtOnce').mockReturnValue(false)
  const cluster = new Cluster(scenario)
  const daemons: DaemonRequests[] = []
  for (const node of cluster.nodes) {
    const random = cluster.random.child(`requests ${node.id}`)
    if (isDaemon) {
      daemons.push(new DaemonRequests(cluster, node, random, daemons))
      node.requests = daemons.at(-1) as unknown as SimRequests
    } else node.requests = new SimRequests(cluster, node, random)
  }
  cluster.start()
  const { queue, requests, models, nodes } = cluster
  for (const [at, atMs] of requests.timesMs.entries()) {
    queue.schedule(atMs, () => nodes[requests.nodes[at]!]!.requests.arrive(models[requests.models[at]!]!, queue.nowMs))
  }
  while (queue.nextAtMs <= scenario.durationS * 1_000) {
    queue.runNext()
    // All that follows without another event of the world has happened.
    if (isDaemon) await new Promise((resolve) => setImmediate(resolve))
  }
  return lines
}

function recorded(lines: string[]): Disposable {
  const { step } = RequestMachine.prototype
  return vi.spyOn(RequestMachine.prototype, 'step').mockImplementation(function (this: RequestMachine, event) {
    const effects = step.call(this, event)
    this.checkInvariants()
    for (const effect of effects) {
      const line = effectLine(effect)
      if (line !== null) lines.push(`${event.nowMs.toFixed(3)} ${this['ports'].self} ${line}`)
    }
    return effects
  })
}
