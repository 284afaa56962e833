/** A line plot as inline SVG: no script, no font, no other file. */

export interface PlotLine {
  readonly name: string
  readonly values: readonly number[]
  /** A bound to compare with: drawn dashed. */
  readonly isBound: boolean
}

export interface Plot {
  readonly title: string
  readonly xTitle: string
  readonly yTitle: string
  readonly xLabels: readonly string[]
  readonly lines: readonly PlotLine[]
}

const [width, height] = [760, 360]
const area = { left: 64, right: 580, top: 36, bottom: 312 }
const colors = [
  '#0b6e4f',
  '#c8553d',
  '#2a6fbb',
  '#8e44ad',
  '#b8860b',
  '#00798c',
  '#d1495b',
  '#5c4d7d',
  '#6a994e',
  '#444444',
]

export function svgPlot({ title, xTitle, yTitle, xLabels, lines }: Plot): string {
  const { ticks, yOf } = logScale(lines.flatMap(({ values }) => values))
  const xOf = (index: number) =>
    xLabels.length < 2
      ? (area.left + area.right) / 2
      : area.left + 12 + (index * (area.right - area.left - 24)) / (xLabels.length - 1)
  const grid = ticks.map(
    (tick) =>
      `<line x1="${area.left}" x2="${area.right}" y1="${yOf(tick)}" y2="${yOf(tick)}" stroke="#ddd"/>` +
      `<text x="${area.left - 8}" y="${yOf(tick) + 4}" text-anchor="end">${formatTick(tick)}</text>`,
  )
  const labels = xLabels.map(
    (label, index) =>
      `<text x="${xOf(index)}" y="${area.bottom + 18}" text-anchor="middle">${escapeText(label)}</text>`,
  )
  const drawn = lines.map((line, index) => drawLine(line, index, xOf, yOf))
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(title)}">
<text x="${area.left}" y="20" class="title">${escapeText(title)}</text>
${grid.join('')}${labels.join('')}
<text x="${(area.left + area.right) / 2}" y="${height - 8}" text-anchor="middle">${escapeText(xTitle)}</text>
<text x="14" y="${(area.top + area.bottom) / 2}" text-anchor="middle" transform="rotate(-90 14 ${(area.top + area.bottom) / 2})">${escapeText(yTitle)}</text>
${drawn.join('\n')}
</svg>`
}

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

function drawLine(
  { name, values, isBound }: PlotLine,
  index: number,
  xOf: (index: number) => number,
  yOf: (value: number) => number,
) {
  const color = isBound ? '#888888' : colors[index % colors.length]!
  const dash = isBound ? ` stroke-dasharray="${index % 2 === 0 ? '7 4' : '2 4'}"` : ''
  const points = values.flatMap((value, place) => (Number.isFinite(value) ? [`${xOf(place)},${yOf(value)}`] : []))
  const y = area.top + 8 + index * 20
  return (
    `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"${dash}/>` +
    `<line x1="${area.right + 14}" x2="${area.right + 40}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="2"${dash}/>` +
    `<text x="${area.right + 46}" y="${y + 4}">${escapeText(name)}</text>`
  )
}

/** Delays of policies differ by factors. Zero, which has no logarithm, is drawn at the foot. */
function logScale(values: readonly number[]) {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0)
  const low = Math.floor(Math.log10(Math.min(...positive, 1e9)))
  const [from, to] =
    positive.length === 0 ? [-1, 0] : [low, Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))))]
  const yOf = (value: number) => {
    const share = value <= 0 ? 0 : Math.max(0, (Math.log10(value) - from) / (to - from))
    return Math.round((area.bottom - share * (area.bottom - area.top)) * 10) / 10
  }
  return { ticks: Array.from({ length: to - from + 1 }, (_, step) => 10 ** (from + step)), yOf }
}

function formatTick(tick: number): string {
  return tick >= 0.001 && tick < 1e6 ? String(Number(tick.toPrecision(3))) : tick.toExponential(0)
}
