/** The nodes that an event of a scenario means. */
import type { Prng } from '../../common/index.ts'
import type { Topology } from '../network/topology.ts'
import type { EventTarget } from '../scenario/scenario.ts'
import { badScenario } from '../scenario/scenario-fields.ts'

/** One node, all of a site or zone, so many drawn ones, or all when nothing is said. In order of their index. */
export function nodesOf({ node, site, zone, count }: EventTarget, topology: Topology, random: Prng): number[] {
  const all = topology.ids.map((_, index) => index)
  if (node !== null)
    return some(
      `node ${node}`,
      [topology.ids.indexOf(node)].filter((index) => index >= 0),
    )
  if (site !== null)
    return some(
      `site ${site}`,
      all.filter((index) => topology.sites[topology.siteOf[index]!]!.name === site),
    )
  if (zone !== null)
    return some(
      `zone ${zone}`,
      all.filter((index) => topology.zoneOf(index) === zone),
    )
  if (count === null) return all
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = random.int(at + 1)
    ;[all[at], all[other]] = [all[other]!, all[at]!]
  }
  return all.slice(0, count).sort((a, b) => a - b)
}

function some(what: string, nodes: number[]): number[] {
  if (nodes.length === 0) throw badScenario('events', `names ${what}, which is not there`)
  return nodes
}
