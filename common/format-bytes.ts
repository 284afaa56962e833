/** Sizes for people: three significant digits in powers of ten, the unit that disks and networks are sold in. */
const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // 999.5 would be shown as 1000: it belongs to the next unit.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** '3 s', '4 min 05 s', '2 h 07 min'. */
export function formatSeconds(seconds: number): string {
  const total = Math.max(0, Math.round(seconds))
  if (total < 60) return `${total} s`
  const pad = (value: number) => String(value).padStart(2, '0')
  if (total < 3600) return `${Math.floor(total / 60)} min ${pad(total % 60)} s`
  return `${Math.floor(total / 3600)} h ${pad(Math.floor((total % 3600) / 60))} min`
}
