/** The least place that meets a target, found in few measurements, and honest about what is not monotone. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { searchCapacity } from '../../../cli/simulate/capacity-search.ts'

function search(placeCount: number, isMet: (place: number) => boolean) {
  const asked: number[] = []
  const answer = searchCapacity({
    placeCount,
    async measure(places) {
      asked.push(...places)
      return places.map((place) => ({ place, value: -place, isMet: isMet(place) }))
    },
  })
  return answer.then((found) => ({ ...found, asked }))
}

describe('the search', () => {
  test('finds the edge of every monotone target, and measures nothing twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400 }), fc.nat(400), async (placeCount, edge) => {
        const { place, asked, metBelow } = await search(placeCount, (at) => at >= edge)
        expect(place).toBe(edge < placeCount ? edge : null)
        expect(new Set(asked).size).toBe(asked.length)
        expect(asked.every((at) => Number.isInteger(at) && at >= 0 && at < placeCount)).toBe(true)
        expect(metBelow).toEqual([])
        expect(asked.length).toBeLessThanOrEqual(17)
      }),
    )
  })

  test('takes the cautious answer where a smaller place met the target by luck', async () => {
    const { place, metBelow } = await search(101, (at) => at === 25 || at >= 60)
    expect({ place, metBelow }).toEqual({ place: 60, metBelow: [25] })
  })

  test('has no answer when the greatest place misses', async () => {
    const { place, measured } = await search(9, () => false)
    expect(place).toBeNull()
    expect(measured.map((one) => one.place)).toEqual([0, 2, 4, 6, 8])
  })
})
