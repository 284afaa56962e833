/** A line plot as inline SVG: no script, no font, no other file. Lines differ by colour and by the mark at their points. */
import { escapeText } from '../svg.ts'

export interface PlotLine {
  readonly name: string
  readonly values: readonly number[]
  /** A bound to compare with: drawn dashed. */
  readonly isBound: boolean
  /** Drawn thick and above the others. */
  readonly isOurs?: boolean
}

export interface Plot {
  readonly title: string
  readonly xTitle: string
  readonly yTitle: string
  /** Where on the x axis, and what stands there. */
  readonly xTicks: readonly { readonly at: number; readonly label: string }[]
  readonly lines: readonly PlotLine[]
}

const [width, height] = [860, 400]
const area = { left: 68, right: 630, top: 40, bottom: 346 }
const legendStep = 20
const labelRoom = 38
/** Told apart by people who see no red or no green too, as far as ten colours can be; the marks do the rest. */
const colors = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#8c6d1f',
  '#56b4e9',
  '#6a3d9a',
  '#b2182b',
  '#4d4d4d',
  '#b8a000',
  '#1b7837',
]
const oursColor = '#000000'
const boundColors = ['#7a7a7a', '#a0522d', '#5b6ea8']
const dashes = ['2 4', '8 4', '8 3 2 3']

export function svgPlot({ title, xTitle, yTitle, xTicks, lines }: Plot): string {
  const { ticks, yOf } = logScale(lines.flatMap(({ values }) => values))
  const xs = placesOf(xTicks.map(({ at }) => at))
  const hasRoom = withRoom(xs)
  const grid = ticks.map(
    ({ value, isDecade }) =>
      `<line x1="${area.left}" x2="${area.right}" y1="${yOf(value)}" y2="${yOf(value)}" stroke="${isDecade ? '#d4d4d4' : '#f1f1f1'}"/>` +
      (isDecade
        ? `<text x="${area.left - 8}" y="${yOf(value) + 4}" text-anchor="end">${formatTick(value)}</text>`
        : ''),
  )
  const labels = xTicks.map(
    ({ label }, place) =>
      `<line x1="${xs[place]}" x2="${xs[place]}" y1="${area.bottom}" y2="${area.bottom + 4}" stroke="#888"/>` +
      (hasRoom[place]
        ? `<text x="${xs[place]}" y="${area.bottom + 18}" text-anchor="middle">${escapeText(label)}</text>`
        : ''),
  )
  const styles = stylesOf(lines)
  const drawn = lines.map((line, place) => ({ line, svg: drawLine(line, styles[place]!, xTicks, xs, yOf) }))
  const legend = lines.map((line, place) => drawKey(line, styles[place]!, area.top + 8 + place * legendStep))
  // A legend longer than the plot makes the picture higher, instead of running out of it.
  const fullHeight = Math.max(height, area.top + 24 + lines.length * legendStep)
  const middle = { x: (area.left + area.right) / 2, y: (area.top + area.bottom) / 2 }
  return `<svg viewBox="0 0 ${width} ${fullHeight}" role="img" aria-label="${escapeText(title)}">
<text x="${area.left}" y="20" class="title">${escapeText(title)}</text>
${grid.join('')}${labels.join('')}
<text x="${middle.x}" y="${area.bottom + 40}" text-anchor="middle">${escapeText(xTitle)}</text>
<text x="14" y="${middle.y}" text-anchor="middle" transform="rotate(-90 14 ${middle.y})">${escapeText(yTitle)}, logarithmic</text>
${drawn
  .toSorted((left, right) => Number(left.line.isOurs ?? false) - Number(right.line.isOurs ?? false))
  .map(({ svg }) => svg)
  .join('\n')}
${legend.join('\n')}
</svg>`
}

interface Style {
  readonly color: string
  readonly stroke: string
  readonly mark: (x: number, y: number) => string
}

function stylesOf(lines: readonly PlotLine[]): Style[] {
  let [plainCount, boundCount] = [0, 0]
  return lines.map(({ isBound, isOurs = false }) => {
    if (isBound) {
      const place = boundCount++
      const dash = dashes[place % dashes.length]!
      return {
        color: boundColors[place % boundColors.length]!,
        stroke: `stroke-width="2" stroke-dasharray="${dash}"`,
        mark: () => '',
      }
    }
    if (isOurs) return { color: oursColor, stroke: 'stroke-width="3.5"', mark: markOf(0) }
    const place = plainCount++
    return { color: colors[place % colors.length]!, stroke: 'stroke-width="1.6"', mark: markOf(place) }
  })
}

/** Circle, square, triangle, diamond, in turn. */
function markOf(place: number): Style['mark'] {
  return (x, y) => {
    switch (place % 4) {
      case 0:
        return `<circle cx="${x}" cy="${y}" r="3.4"/>`
      case 1:
        return `<rect x="${x - 3}" y="${y - 3}" width="6" height="6"/>`
      case 2:
        return `<path d="M${x} ${y - 4}l4 7h-8z"/>`
      default:
        return `<path d="M${x} ${y - 4.4}l4.4 4.4l-4.4 4.4l-4.4 -4.4z"/>`
    }
  }
}

/** Each mark says its value when it is pointed at. */
function drawLine(
  { name, values }: PlotLine,
  { color, stroke, mark }: Style,
  xTicks: Plot['xTicks'],
  xs: readonly number[],
  yOf: (value: number) => number,
): string {
  const places = values.flatMap((value, place) => (Number.isFinite(value) ? [place] : []))
  const points = places.map((place) => `${xs[place]},${yOf(values[place]!)}`)
  const marks = places.map((place) => {
    const value = Number(values[place]!.toPrecision(4))
    const tip = `<title>${escapeText(`${name}, ${xTicks[place]!.label}: ${value}`)}</title>`
    return `<g>${tip}${mark(xs[place]!, yOf(values[place]!))}</g>`
  })
  return `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" ${stroke}/><g fill="${color}">${marks.join('')}</g>`
}

function drawKey({ name, isOurs = false }: PlotLine, { color, stroke, mark }: Style, y: number): string {
  const [from, to] = [area.right + 16, area.right + 44]
  const weight = isOurs ? ' font-weight="600"' : ''
  return (
    `<line x1="${from}" x2="${to}" y1="${y}" y2="${y}" stroke="${color}" ${stroke}/>` +
    `<g fill="${color}">${mark((from + to) / 2, y)}</g>` +
    `<text x="${to + 8}" y="${y + 4}"${weight}>${escapeText(name)}</text>`
  )
}

/** True to scale, so that a curve's slope means something. */
function placesOf(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const [from, to] = [area.left + 14, area.right - 14]
  if (least === most) return values.map(() => (from + to) / 2)
  return values.map((value) => Math.round((from + ((value - least) / (most - least)) * (to - from)) * 10) / 10)
}

/** A label too near to the last one written would cover it; the first is always written. */
function withRoom(xs: readonly number[]): boolean[] {
  let last = Number.NEGATIVE_INFINITY
  return xs.map((x) => {
    if (x - last < labelRoom) return false
    last = x
    return true
  })
}

/** Delays of policies differ by factors. Zero, which has no logarithm, is drawn at the foot. */
function logScale(values: readonly number[]) {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0)
  const steps = [1, 2, 5]
  const stepBelow = (value: number) => {
    const decade = 10 ** Math.floor(Math.log10(value))
    return decade * steps.findLast((step) => step * decade <= value * (1 + 1e-9))!
  }
  const low = positive.length === 0 ? 0.1 : stepBelow(Math.min(...positive))
  const high = Math.max(2 * low, ...positive)
  const ticks: { value: number; isDecade: boolean }[] = []
  for (let decade = Math.floor(Math.log10(low)); ticks.length === 0 || ticks.at(-1)!.value < high; decade++) {
    for (const step of steps) {
      const value = step * 10 ** decade
      if (value < low * (1 - 1e-9) || (ticks.length > 0 && ticks.at(-1)!.value >= high)) continue
      ticks.push({ value, isDecade: step === 1 })
    }
  }
  const [from, to] = [Math.log10(ticks[0]!.value), Math.log10(ticks.at(-1)!.value)]
  // Within a decade or two the steps between are labelled too, or there might be one label only.
  const isShort = to - from < 2.5
  const yOf = (value: number) => {
    const share = value <= 0 ? 0 : Math.max(0, (Math.log10(value) - from) / (to - from))
    return Math.round((area.bottom - share * (area.bottom - area.top)) * 10) / 10
  }
  return { ticks: ticks.map(({ value, isDecade }) => ({ value, isDecade: isDecade || isShort })), yOf }
}

function formatTick(tick: number): string {
  return tick >= 0.0001 && tick < 1e6 ? String(Number(tick.toPrecision(3))) : tick.toExponential(0)
}
