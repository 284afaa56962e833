import { describe, expect, it } from 'vitest'
import { type EvictionViewPorts, evictionView } from '../../../node/admin/eviction-view.ts'
import { createEvictionPolicy } from '../../../placement/index.ts'
import { digestOf } from './fixture.ts'

/** a is asked for most, c least; d is pinned, e in use. */
function ports(): EvictionViewPorts {
  const policy = createEvictionPolicy('holdfast')
  const letters = ['a', 'b', 'c', 'd', 'e']
  letters.forEach((letter, index) => {
    const model = digestOf(letter)
    policy.onInsert({ model, sizeBytes: 100, missCostMs: 1_000 }, 0)
    for (let count = letters.length - index; count > 0; count -= 1) policy.onRequest(model, 10)
  })
  return {
    policy,
    models: () => [...letters, 'f'].map(digestOf),
    namesOf: (model) => (model === digestOf('c') ? ['acme/c:v1'] : []),
    isPinned: (model) => model === digestOf('d'),
    isInUse: (model) => model === digestOf('e'),
    usedBytes: () => 500,
    limitBytes: () => 600,
    nowMs: () => 20,
  }
}

const shown = (neededBytes: number | null) =>
  evictionView('memory', ports(), neededBytes).models.map(({ model, place, reason }) => [model[0], place, reason])

/** Questions that a plan over so many models asks. */
function questionsOf(modelCount: number): number {
  const policy = createEvictionPolicy('holdfast')
  const models = Array.from({ length: modelCount }, (_, index) => digestOf(`model ${index}`))
  for (const model of models) policy.onInsert({ model, sizeBytes: 100, missCostMs: 1_000 }, 0)
  let questions = 0
  const asked = <T>(answer: T): T => {
    questions++
    return answer
  }
  const counted = {
    ...ports(),
    policy,
    models: () => models,
    namesOf: () => asked([]),
    isPinned: (model: string) => asked(model === models[0]),
    isInUse: (model: string) => asked(model === models[1]),
    usedBytes: () => asked(100 * modelCount),
    limitBytes: () => asked(100 * modelCount),
  }
  expect(evictionView('memory', counted, null).models).toHaveLength(modelCount)
  return questions
}

describe('the plan', () => {
  it('of 3,000 models asks as much per model as one of 100', () => {
    expect(questionsOf(3000) / 3000).toBeLessThanOrEqual((questionsOf(100) / 100) * 1.05)
  })

  it('without a size names all that may go, in their order, and why the others stay', () => {
    expect(shown(null)).toEqual([
      ['c', 1, 'least-value'],
      ['b', 2, 'least-value'],
      ['a', 3, 'least-value'],
      ['e', null, 'in-use'],
      ['d', null, 'pinned'],
    ])
  })

  it('names what has to go for so much, given what is free', () => {
    expect(shown(100).filter(([, place]) => place !== null)).toEqual([])
    expect(shown(150).filter(([, place]) => place !== null)).toEqual([['c', 1, 'least-value']])
    expect(evictionView('memory', ports(), 150)).toMatchObject({ enough: true, neededBytes: 150, policy: 'holdfast' })
  })

  it('says when what may go is not enough', () => {
    expect(evictionView('memory', ports(), 550).enough).toBe(false)
  })

  it('shows names and what each score is made of', () => {
    const [first] = evictionView('memory', ports(), null).models
    expect(first).toMatchObject({ names: ['acme/c:v1'], sizeBytes: 100, parts: { missCostMs: 1_000, sizeBytes: 100 } })
    expect(first!.score).toBeCloseTo((first!.parts.demandPerS! * 1_000) / 100)
  })
})
