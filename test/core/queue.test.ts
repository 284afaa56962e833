import { describe, expect, it } from 'vitest'
import { StepQueue } from '../../core/queue.ts'

describe('a queue of steps', () => {
  it('lets an event that an effect gives rise to wait until all effects of the step are carried out', () => {
    const seen: string[] = []
    const queue = new StepQueue<number, string>(
      (event) => (event > 2 ? [] : [`${event}a`, `${event}b`]),
      (effect) => {
        seen.push(effect)
        if (effect.endsWith('a')) queue.dispatch(Number.parseInt(effect, 10) + 1)
      },
    )
    queue.dispatch(1)
    expect(seen).toEqual(['1a', '1b', '2a', '2b'])
  })

  it('goes on after an effect that could not be carried out', () => {
    const seen: number[] = []
    const queue = new StepQueue<number, number>(
      (event) => [event],
      (effect) => {
        if (effect === 1) throw new Error('cannot')
        seen.push(effect)
      },
    )
    expect(() => queue.dispatch(1)).toThrow('cannot')
    queue.dispatch(2)
    expect(seen).toEqual([2])
  })
})
