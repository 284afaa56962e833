import { describe, expect, it } from 'vitest'
import { type HandoverModel, type HandoverTaker, planHandover } from '../../../placement/replication/handover.ts'

const model = (id: string, extra: Partial<HandoverModel> = {}): HandoverModel => ({
  model: id,
  sizeBytes: 100,
  isPinned: false,
  ratePerS: 1,
  otherHolders: 0,
  ...extra,
})
const taker = (node: string, freeBytes: number, sameZone = true): HandoverTaker => ({
  node,
  freeBytes,
  sameZone,
})

interface Case {
  readonly id: string
  readonly models: HandoverModel[]
  readonly takers: HandoverTaker[]
  readonly steps: [string, string, string][]
  readonly left?: [string, string][]
}

const cases: Case[] = [
  { id: 'nothing held, nothing handed on', models: [], takers: [taker('a', 1e6)], steps: [] },
  {
    id: 'a last copy that is wanted goes to the one peer',
    models: [model('m')],
    takers: [taker('a', 200)],
    steps: [['m', 'a', 'wanted']],
  },
  {
    id: 'a model that another node holds stays',
    models: [model('m', { otherHolders: 1 })],
    takers: [taker('a', 1e6)],
    steps: [],
    left: [['m', 'held-elsewhere']],
  },
  {
    id: 'nobody wants it',
    models: [model('m', { ratePerS: 0 })],
    takers: [taker('a', 1e6)],
    steps: [],
    left: [['m', 'not-wanted']],
  },
  {
    id: 'pinned and not asked for',
    models: [model('m', { ratePerS: 0, isPinned: true })],
    takers: [taker('a', 1e6)],
    steps: [['m', 'a', 'pinned']],
  },
  {
    id: 'one byte short of room for it and its derived form',
    models: [model('m')],
    takers: [taker('a', 199)],
    steps: [],
    left: [['m', 'no-room']],
  },
  { id: 'no peers', models: [model('m')], takers: [], steps: [], left: [['m', 'no-room']] },
  {
    id: 'the same zone before more room',
    models: [model('m')],
    takers: [taker('far', 1e6, false), taker('near', 200)],
    steps: [['m', 'near', 'wanted']],
  },
  {
    id: 'another zone when the own has no room',
    models: [model('m')],
    takers: [taker('far', 1e6, false), taker('near', 199)],
    steps: [['m', 'far', 'wanted']],
  },
  {
    id: 'most room first, and what is promised counts',
    models: [model('m', { ratePerS: 2 }), model('n')],
    takers: [taker('a', 500), taker('b', 400)],
    steps: [
      ['m', 'a', 'wanted'],
      ['n', 'b', 'wanted'],
    ],
  },
  {
    id: 'pinned first, then most wanted per byte, until the room is gone',
    models: [
      model('big', { sizeBytes: 1000, ratePerS: 5 }),
      model('hot', { ratePerS: 2 }),
      model('pin', { isPinned: true, ratePerS: 0 }),
    ],
    takers: [taker('a', 400)],
    steps: [
      ['pin', 'a', 'pinned'],
      ['hot', 'a', 'wanted'],
    ],
    left: [['big', 'no-room']],
  },
  {
    id: 'ids decide between equals',
    models: [model('n'), model('m')],
    takers: [taker('b', 200), taker('a', 200)],
    steps: [
      ['m', 'a', 'wanted'],
      ['n', 'b', 'wanted'],
    ],
  },
]

describe('planHandover', () => {
  it.each(cases)('$id', ({ models, takers, steps, left = [] }) => {
    const plan = planHandover(models, takers)
    expect(plan.steps.map(({ model, to, reason }) => [model, to, reason])).toEqual(steps)
    expect(plan.left.map(({ model, reason }) => [model, reason])).toEqual(left)
  })
})
