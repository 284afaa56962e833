/**
 * All requests of a run in columns, by arrival: when, which model, at which node. From a trace or from the generator, dealt out
 * over nodes by the weights of their sites, with as much locality as the scenario says; flash crowds and new models on top.
 */
import type { Prng } from '../../common/index.ts'
import type { Topology } from '../network/topology.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { badScenario } from '../scenario/scenario-fields.ts'
import { generateWorkload, type Trace } from '../traces/index.ts'
import type { PlacedTrace, ScenarioInputs } from './inputs.ts'
import type { SimModel } from './models.ts'
import { nodesOf } from './targets.ts'

export interface RequestTable {
  /** Never falls. */
  readonly timesMs: Float64Array
  readonly models: Uint32Array
  readonly nodes: Uint32Array
}

/** A model that appears during the run. */
export interface PushedModel {
  readonly model: SimModel
  readonly atMs: number
  readonly ratePerS: number
}

export interface RequestPorts {
  readonly scenario: Scenario
  readonly inputs: ScenarioInputs
  readonly topology: Topology
  readonly models: readonly SimModel[]
  readonly pushed: readonly PushedModel[]
  readonly random: Prng
}

export function createRequests(ports: RequestPorts): RequestTable {
  const { scenario, inputs, random, models } = ports
  const endMs = scenario.durationS * 1_000
  const trace = inputs.trace ?? generate(scenario, models.length - ports.pushed.length, random.child('requests'))
  const dealer = new Dealer(ports)
  const times: number[] = []
  const chosen: number[] = []
  const nodes: number[] = []
  const add = (atMs: number, model: number, node: number): void => {
    times.push(atMs)
    chosen.push(model)
    nodes.push(node)
  }
  const placeOf = placedNodes(inputs.trace, ports)
  for (let at = 0; at < trace.timesMs.length; at += 1) {
    const atMs = trace.timesMs[at]!
    if (atMs > endMs) break
    const model = trace.modelIndexes[at]!
    add(atMs, model, placeOf === null ? dealer.node(model) : placeOf(at))
  }
  addCrowds(ports, add)
  for (const { model, atMs, ratePerS } of ports.pushed) {
    const draw = random.child(`pushed ${model.index}`)
    poisson(draw, ratePerS, atMs, endMs, (timeMs) => add(timeMs, model.index, dealer.node(model.index)))
  }
  return inOrder(times, chosen, nodes)
}

function generate({ requests, durationS }: Scenario, modelCount: number, random: Prng): Trace {
  const { zipfExponent, timerPercent, burstPercent, newPercent, nightDepth } = requests
  const durationMs = durationS * 1_000
  const requestCount = requests.ratePerS * durationS
  const shape = { zipfExponent, timerPercent, burstPercent, newPercent, nightDepth, flashCrowdCount: 0 }
  return generateWorkload(random, { ...shape, modelCount, durationMs, requestCount })
}

/** Which node a request enters at, when the trace does not say. */
class Dealer {
  private readonly ports: RequestPorts
  private readonly random: Prng
  private readonly all: WeightedNodes
  private readonly byZone = new Map<string, WeightedNodes>()
  private readonly homes = new Map<number, string>()

  constructor(ports: RequestPorts) {
    this.ports = ports
    this.random = ports.random.child('nodes')
    const nodes = ports.topology.ids.map((_, node) => node)
    this.all = new WeightedNodes(nodes, ports.topology)
    for (const zone of new Set(nodes.map((node) => ports.topology.zoneOf(node)))) {
      const within = nodes.filter((node) => ports.topology.zoneOf(node) === zone)
      this.byZone.set(zone, new WeightedNodes(within, ports.topology))
    }
  }

  node(model: number): number {
    const { localityPercent, stickyPercent } = this.ports.scenario.requests
    const { random } = this
    const isLocal = localityPercent > 0 && random.float() * 100 < localityPercent
    const node = (isLocal ? this.byZone.get(this.homeOf(model))! : this.all).draw(random)
    const isSticky = stickyPercent > 0 && random.float() * 100 < stickyPercent
    return isSticky ? this.byZone.get(this.ports.topology.zoneOf(node))!.fixed(model) : node
  }

  private homeOf(model: number): string {
    const known = this.homes.get(model)
    if (known !== undefined) return known
    const home = this.ports.topology.zoneOf(this.all.draw(this.ports.random.child(`home ${model}`)))
    this.homes.set(model, home)
    return home
  }
}

class WeightedNodes {
  private readonly nodes: readonly number[]
  private readonly cumulative: Float64Array

  constructor(nodes: readonly number[], topology: Topology) {
    this.nodes = nodes
    let sum = 0
    this.cumulative = Float64Array.from(nodes, (node) => {
      const site = topology.sites[topology.siteOf[node]!]!
      sum += site.requestWeight / site.nodeCount
      return sum
    })
    if (!(sum > 0)) this.cumulative = Float64Array.from(nodes, (_, index) => index + 1)
  }

  draw(random: Prng): number {
    const { cumulative, nodes } = this
    const wanted = random.float() * cumulative[cumulative.length - 1]!
    let [low, high] = [0, nodes.length - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (cumulative[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return nodes[low]!
  }

  fixed(model: number): number {
    return this.nodes[(Math.imul(model + 1, 0x9e3779b1) >>> 0) % this.nodes.length]!
  }
}

function placedNodes(trace: PlacedTrace | undefined, { topology, random }: RequestPorts) {
  const { places, placeIndexes } = trace ?? {}
  if (places === undefined || placeIndexes === undefined) return null
  const draw = random.child('placed')
  const nodes = places.map((name) => {
    const found = topology.ids.flatMap((id, node) =>
      id === name || topology.sites[topology.siteOf[node]!]!.name === name ? [node] : [],
    )
    if (found.length === 0) throw badScenario('requests.file', `names a node or site that is not there: ${name}`)
    return found
  })
  return (at: number): number => {
    const found = nodes[placeIndexes[at]!]!
    return found[draw.int(found.length)]!
  }
}

function addCrowds(ports: RequestPorts, add: (atMs: number, model: number, node: number) => void): void {
  const { scenario, topology, random, models } = ports
  for (const [index, event] of scenario.events.entries()) {
    if (event.kind !== 'flash-crowd') continue
    const draw = random.child(`crowd ${index}`)
    const nodes = nodesOf(event, topology, draw)
    if (event.modelRank >= models.length) {
      const ranks = `there are ${models.length} models, with ranks from 0 on`
      throw badScenario(
        `events[${index}].modelRank`,
        `is beyond the models: ${ranks}; give another, or leave out the event`,
      )
    }
    const fromMs = event.atS * 1_000
    const untilMs = Math.min(scenario.durationS, event.atS + (event.forS ?? scenario.durationS)) * 1_000
    const weighted = new WeightedNodes(nodes, topology)
    poisson(draw, event.ratePerS, fromMs, untilMs, (atMs) => add(atMs, event.modelRank, weighted.draw(draw)))
  }
}

function poisson(random: Prng, ratePerS: number, fromMs: number, untilMs: number, emit: (atMs: number) => void): void {
  if (ratePerS <= 0) return
  const meanMs = 1_000 / ratePerS
  for (let atMs = fromMs; ; ) {
    atMs -= Math.log(1 - random.float()) * meanMs
    if (atMs >= untilMs) return
    emit(atMs)
  }
}

/** Those of one instant keep their order. */
function inOrder(times: readonly number[], models: readonly number[], nodes: readonly number[]): RequestTable {
  const order = Uint32Array.from(times, (_, index) => index)
  order.sort((left, right) => times[left]! - times[right]! || left - right)
  return {
    timesMs: Float64Array.from(order, (index) => times[index]!),
    models: Uint32Array.from(order, (index) => models[index]!),
    nodes: Uint32Array.from(order, (index) => nodes[index]!),
  }
}
