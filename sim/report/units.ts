/** Figures for people: three digits and a unit that fits. */

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

export interface Scaled {
  readonly factor: number
  readonly unit: string
}

/** The unit in which the greatest of some sizes is read best. */
export function byteScale(greatestBytes: number): Scaled {
  let place = 0
  while (place < byteUnits.length - 1 && greatestBytes >= 1_000 ** (place + 1)) place += 1
  return { factor: 1_000 ** place, unit: byteUnits[place]! }
}

export function formatBytes(bytes: number): string {
  // 999.5 would be shown as 1000: it belongs to the next unit.
  const { factor, unit } = byteScale(bytes * (1 + 0.5 / 999.5))
  return `${significant(bytes / factor)} ${unit}`
}

export function msScale(greatestMs: number): Scaled {
  return greatestMs >= 1_000 ? { factor: 1_000, unit: 's' } : { factor: 1, unit: 'ms' }
}

/** '-' where there is none. */
export function formatMs(ms: number | null): string {
  if (ms === null || Number.isNaN(ms)) return '-'
  return ms < 999.5 ? `${significant(ms)} ms` : `${significant(ms / 1_000)} s`
}

/** Below a cent, what is left is still said. */
export function formatUsd(usd: number): string {
  if (usd > 0 && usd < 0.01) return `$${Number(usd.toPrecision(2))}`
  return usd < 100 ? `$${usd.toFixed(2)}` : `$${formatCount(Math.round(usd))}`
}

export function formatPercent(percent: number): string {
  return `${significant(percent)} %`
}

/** 1234567 as '1 234 567'; the space does not break. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

/** Seconds of the run as a clock reads them: '45 s', '12 min', '3 h 20 min', '2 d 4 h'. */
export function formatSpan(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ] as const
  for (const [index, [length, unit]] of units.entries()) {
    if (seconds < length) continue
    const whole = Math.floor(seconds / length)
    const [smaller, smallerUnit] = units[index + 1] ?? [1, 's']
    const rest = Math.floor((seconds - whole * length) / smaller)
    return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${smallerUnit}`
  }
  return `${significant(seconds)} s`
}

/** Three digits, without an exponent and without needless zeros. */
export function significant(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return value === 0 ? '0' : '-'
  const magnitude = Math.floor(Math.log10(Math.abs(value)))
  if (magnitude >= 2) return formatCount(value)
  return String(Number(value.toFixed(Math.min(6, 2 - magnitude))))
}
