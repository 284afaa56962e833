/**
 * Where the nodes stand: an equirectangular map of the part of the world that they and the origin span, with the coasts of Natural
 * Earth. A circle is all nodes of one place, its area their requests, its colour the share of requests that found their model in
 * memory there.
 */
import { geoGraticule, geoPath } from 'd3-geo'
import { feature } from 'topojson-client'
import type { Topology } from 'topojson-specification'
import land110m from 'world-atlas/land-110m.json' with { type: 'json' }
import type { NodeFigures, RunResult } from '../index.ts'
import { type MapView, type Spot, viewOf } from './map-view.ts'
import { scaleColor, scaleGradient } from './scale-color.ts'
import { at, tooltip } from './svg.ts'
import { formatCount, formatMs, formatPercent } from './units.ts'

interface Place {
  readonly latitude: number
  readonly longitude: number
  readonly sites: readonly string[]
  readonly nodeCount: number
  readonly upCount: number
  readonly requestCount: number
  readonly hitPercent: number
  readonly delayMs: number | null
}

const world = land110m as unknown as Topology
const land = feature(world, world.objects.land!)
const greatestRadius = 19
const leastRadius = 3.5

export function nodeMap({ nodes, origin }: Pick<RunResult, 'nodes' | 'origin'>): string {
  const places = placesOf(nodes)
  const view = viewOf([...places, origin])
  const placeOf = ({ longitude, latitude }: Spot) => view.projection([longitude, latitude]) ?? [0, 0]
  const path = geoPath(view.projection).digits(1)
  const busiest = Math.max(1, ...places.map(({ requestCount }) => requestCount))
  // Small ones last, so that no large one hides them.
  const ordered = places.toSorted((left, right) => right.requestCount - left.requestCount)
  const circles = ordered.map((place) => {
    const radius = Math.max(leastRadius, greatestRadius * Math.sqrt(place.requestCount / busiest))
    const [cx, cy] = placeOf(place)
    const isDown = place.upCount === 0
    const fill = isDown ? 'none' : scaleColor(place.hitPercent / 100)
    return `<circle class="site" cx="${at(cx)}" cy="${at(cy)}" r="${at(radius)}" fill="${fill}">${tooltip(wordsOf(place))}</circle>`
  })
  const [x, y] = placeOf(origin)
  return [
    `<svg viewBox="0 0 ${view.width} ${at(view.height)}" role="img" aria-label="Map of the nodes">`,
    `<defs><clipPath id="world"><rect width="${view.width}" height="${at(view.height)}"/></clipPath></defs>`,
    `<g clip-path="url(#world)"><rect class="sea" width="${view.width}" height="${at(view.height)}"/>`,
    `<path class="land" d="${path(land) ?? ''}"/>`,
    `<path class="graticule" d="${path(graticuleOf(view)) ?? ''}"/>`,
    circles.join(''),
    `<path class="origin" d="M${at(x)} ${at(y - 11)}L${at(x + 11)} ${at(y)}L${at(x)} ${at(y + 11)}L${at(x - 11)} ${at(y)}Z">${tooltip('the origin')}</path></g>`,
    '</svg>',
    legend(busiest),
  ].join('')
}

export function placesOf(nodes: readonly NodeFigures[]): Place[] {
  const groups = new Map<string, NodeFigures[]>()
  for (const node of nodes) {
    const key = `${node.latitude} ${node.longitude}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [node])
    else group.push(node)
  }
  return [...groups.values()].map((group) => {
    const requestCount = group.reduce((sum, node) => sum + node.requestCount, 0)
    const weighted = (read: (node: NodeFigures) => number) =>
      requestCount === 0 ? 0 : group.reduce((sum, node) => sum + read(node) * node.requestCount, 0) / requestCount
    return {
      latitude: group[0]!.latitude,
      longitude: group[0]!.longitude,
      sites: [...new Set(group.map(({ site }) => site))],
      nodeCount: group.length,
      upCount: group.filter(({ isUp }) => isUp).length,
      requestCount,
      hitPercent: weighted(({ memoryHitPercent }) => memoryHitPercent),
      // A node without an answer has no delay, and no weight.
      delayMs: requestCount === 0 ? null : weighted(({ loadDelayMeanMs }) => loadDelayMeanMs ?? 0),
    }
  })
}

function wordsOf({ sites, nodeCount, upCount, requestCount, hitPercent, delayMs }: Place): string {
  const named = sites.length > 4 ? `${sites.length} sites` : sites.join(', ')
  const down = upCount < nodeCount ? `, ${nodeCount - upCount} down at the end` : ''
  const figures = `${formatPercent(hitPercent)} from memory, mean load delay ${formatMs(delayMs)}`
  return `${named}: ${nodeCount} ${nodeCount === 1 ? 'node' : 'nodes'}${down}; ${formatCount(requestCount)} requests, ${figures}`
}

function graticuleOf({ degreesWide }: MapView) {
  const step = degreesWide > 150 ? 30 : degreesWide > 60 ? 15 : 5
  return geoGraticule().step([step, step])()
}

/** In the page's own letters, because those of a map shrink with it. */
function legend(busiest: number): string {
  const drawn = (width: number, content: string) =>
    `<svg class="key" viewBox="0 0 ${width} 24" style="width:${width}px">${content}</svg>`
  const bar = `<defs>${scaleGradient('key')}</defs><rect y="6" width="110" height="12" fill="url(#key)"/>`
  return [
    '<p class="keys"><span>from memory 0 % ',
    `${drawn(110, bar)} 100 %</span> <span>`,
    `${drawn(20, '<path class="origin" d="M10 3l9 9l-9 9l-9 -9z"/>')} origin</span> <span>`,
    `${drawn(24, '<circle class="site" cx="12" cy="12" r="11" fill="none"/>')} the busiest: ${formatCount(busiest)} requests</span></p>`,
  ].join('')
}
