/** How a policy treats the popular and the rare: models by falling popularity in ten groups, and the misses of each group. */
import type { ReplayResult, Trace } from '../traces/index.ts'

/** Share of requests that miss, in percent, per tenth of the models; the first tenth is the most popular. NaN without requests. */
export function missPercentByDecile({ models, modelIndexes }: Trace, { missCountByModel }: ReplayResult): number[] {
  const requestCounts = new Uint32Array(models.length)
  for (const place of modelIndexes) requestCounts[place]! += 1
  const places = models.map((_, place) => place).filter((place) => requestCounts[place]! > 0)
  places.sort((left, right) => requestCounts[right]! - requestCounts[left]! || left - right)
  return Array.from({ length: 10 }, (_, decile) => {
    const group = places.slice(
      Math.floor((decile * places.length) / 10),
      Math.floor(((decile + 1) * places.length) / 10),
    )
    const sumOf = (counts: Uint32Array) => group.reduce((sum, place) => sum + counts[place]!, 0)
    return (100 * sumOf(missCountByModel)) / sumOf(requestCounts)
  })
}
