/**
 * Runs a scenario to its end: requests and events, then quiet time in which all is made whole, with checkers on the way and at the
 * end. The result is plain data, and the same for the same scenario, inputs and seed.
 */
import { always, atEnd, atEndOfOverload } from './check/checkers.ts'
import { checkConvergence, publishedNow } from './check/convergence.ts'
import { measureOverload } from './check/measure-overload.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'
import { buildResult } from './metrics/build-result.ts'
import type { RunResult } from './metrics/run-result.ts'
import type { Scenario } from './scenario/scenario.ts'
import { eventsOf, joinersOf, scheduleEvents } from './world/faults.ts'

export interface RunOptions extends ClusterOptions {
  /** Told between 0 and 1 as the run goes on. */
  readonly onProgress?: (share: number) => void
}

/** How many of one checker's findings are told; the rest is of the same kind. */
const findingsMax = 20

export function runScenario(scenario: Scenario, options: RunOptions = {}): RunResult {
  return buildResult(runCluster(scenario, options))
}

/** The same, and the world as it is at the end. */
export function runCluster(scenario: Scenario, options: RunOptions = {}): Cluster {
  const cluster = new Cluster(scenario, options)
  const events = eventsOf(scenario, cluster.random.child('faults'))
  const joiners = joinersOf(events, cluster)
  cluster.start((node) => joiners.has(node))
  scheduleEvents(cluster, events)
  const { buckets } = cluster.metrics
  const endMs = scenario.durationS * 1_000
  const checkMs = scenario.checks.everyS * 1_000
  let checkAtMs = checkMs === 0 ? Number.POSITIVE_INFINITY : checkMs
  for (const [at, bucket] of buckets.entries()) {
    const untilMs = Math.min(endMs, ((at + 1) * endMs) / buckets.length)
    for (; checkAtMs <= untilMs; checkAtMs += checkMs) {
      cluster.runUntil(checkAtMs)
      check(cluster, always)
    }
    cluster.runUntil(untilMs)
    bucket.nodesUp = cluster.nodes.filter((node) => node.up).length
    bucket.memoryUsedBytes = cluster.nodes.reduce((bytes, node) => bytes + (node.up ? node.memory.usedBytes : 0), 0)
    options.onProgress?.((at + 1) / (buckets.length + 1))
  }
  settle(cluster)
  options.onProgress?.(1)
  return cluster
}

/** What a command prints when something was found. */
export function replayCommand(file: string, seed: number): string {
  return `npx holdfast sim run ${file} --seed ${seed}`
}

function settle(cluster: Cluster): void {
  const quietMs = cluster.scenario.checks.settleS * 1_000
  cluster.calm()
  cluster.run((quietMs * 2) / 3)
  // Placement may always find something to copy; the end is looked at when nothing is under way.
  cluster.control.isQuiet = true
  const published = publishedNow(cluster)
  cluster.run(quietMs / 3)
  check(cluster, always)
  cluster.overloads.push(...measureOverload(cluster))
  check(cluster, cluster.overloads.length === 0 ? atEnd : atEndOfOverload)
  if (quietMs > 0) check(cluster, { convergence: () => checkConvergence(cluster, published) })
}

function check(cluster: Cluster, checkers: Readonly<Record<string, (cluster: Cluster) => string[]>>): void {
  const { metrics, queue } = cluster
  for (const [name, find] of Object.entries(checkers)) {
    for (const problem of find(cluster).slice(0, findingsMax)) metrics.found(name, queue.nowMs, problem)
  }
}
