/**
 * Measured round trips between places, from a CSV, plain or gzipped:
 *
 *   wondernetwork  src_city, dst_city_label ("City Country, Continent"), rtt_avg_ms: pings between cities
 *   intercloud     src, dst, rtt_avg_ms, throughput_mbps: between regions of clouds
 *
 * Of the cities those are taken whose place on the globe is known here. A pair measured in one direction counts for both.
 */

import { type City, cities, type RttTable } from '../../sim/index.ts'
import { badTrace, openCsv } from '../../sim/traces/index.ts'
import { regionPlaces } from './region-places.ts'

export type RttFormat = 'wondernetwork' | 'intercloud'

const bytesPerSOfMbps = 125_000

interface Columns {
  readonly from: string
  readonly to: string
  readonly rttMs: string
  readonly mbps: string | null
}

const columnsOf: Readonly<Record<RttFormat, Columns>> = {
  wondernetwork: { from: 'src_city', to: 'dst_city_label', rttMs: 'rtt_avg_ms', mbps: null },
  intercloud: { from: 'src', to: 'dst', rttMs: 'rtt_avg_ms', mbps: 'throughput_mbps' },
}

export async function readRttTable(format: RttFormat, file: string): Promise<RttTable> {
  const known: readonly City[] = format === 'wondernetwork' ? cities : regionPlaces
  const { columns: names, rows } = await openCsv(file)
  const placeOf = (name: string | null) => {
    const place = name === null ? -1 : names.indexOf(name)
    if (place < 0 && name !== null) throw badTrace(file, `it has no column ${name}, which a table of ${format} has.`)
    return place
  }
  const columns = columnsOf[format]
  const [fromAt, toAt, rttAt, mbpsAt] = [columns.from, columns.to, columns.rttMs, columns.mbps].map(placeOf)
  const count = known.length
  const rttMs = new Float64Array(count * count).fill(Number.NaN)
  const bytesPerS = new Float64Array(count * count).fill(Number.NaN)
  const measured = new Set<number>()
  for await (const { cells } of rows) {
    const [from, to] = [indexOf(known, cells[fromAt!]), indexOf(known, cells[toAt!])]
    if (from < 0 || to < 0 || from === to) continue
    const [rtt, mbps] = [Number(cells[rttAt!] || Number.NaN), Number(cells[mbpsAt!] || Number.NaN)]
    if (rtt > 0) {
      rttMs[from * count + to] = rtt
      measured.add(from).add(to)
    }
    if (mbps > 0) bytesPerS[from * count + to] = mbps * bytesPerSOfMbps
  }
  if (measured.size === 0) throw badTrace(file, `it has no round trip between places that are known here.`)
  mirror(rttMs, count)
  mirror(bytesPerS, count)
  return { places: known, rttMs, bytesPerS: format === 'intercloud' ? bytesPerS : null }
}

/** 'Sao Paulo' and 'Sao Paulo Brazil, South America' are one place. */
function indexOf(known: readonly City[], label: string | undefined): number {
  if (label === undefined) return -1
  const exact = known.findIndex(({ name }) => name === label)
  if (exact >= 0) return exact
  const beginnings = known.filter(({ name }) => label.startsWith(`${name} `))
  const longest = beginnings.sort((left, right) => right.name.length - left.name.length)[0]
  return longest === undefined ? -1 : known.indexOf(longest)
}

function mirror(values: Float64Array, count: number): void {
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      const [own, other] = [row * count + column, column * count + row]
      if (Number.isNaN(values[own]!)) values[own] = values[other]!
    }
  }
}
