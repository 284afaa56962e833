/** Which bytes of an object are in use, as sorted ranges that neither touch nor overlap. */

export interface UsedRange {
  readonly startBytes: number
  readonly endBytes: number
}

export function unionRanges(ranges: readonly UsedRange[]): UsedRange[] {
  const union: UsedRange[] = []
  for (const range of ranges.toSorted((a, b) => a.startBytes - b.startBytes || a.endBytes - b.endBytes)) {
    const last = union.at(-1)
    if (!last || range.startBytes > last.endBytes) union.push(range)
    else if (range.endBytes > last.endBytes) {
      union[union.length - 1] = { startBytes: last.startBytes, endBytes: range.endBytes }
    }
  }
  return union
}

export function usedBytes(ranges: readonly UsedRange[]): number {
  return unionRanges(ranges).reduce((sum, { startBytes, endBytes }) => sum + endBytes - startBytes, 0)
}
