import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CandidateModel,
  defaultPlacementOptions,
  type ElsewhereView,
  type HeldModel,
  noCopies,
  type PinnedModel,
  PlacementMemory,
  type PlacementView,
  planPlacement,
} from '../../../placement/index.ts'

const MB = 1_000_000
const far = { ...noCopies, copyCount: 1, transferMs: 1_000, memoryForwardMs: 40 }
const near = { ...noCopies, copyCount: 1, transferMs: 300, memoryForwardMs: 1 }
const elsewhere = (over: Partial<ElsewhereView> = {}): ElsewhereView => ({
  near: noCopies,
  far: noCopies,
  originMs: 2_000,
  isPrimaryHolder: false,
  isZonePrimary: false,
  isMemoryPrimary: false,
  ...over,
})
const demand = { ratePerS: 0, soonRatePerS: null, zoneRatePerS: 0, othersRatePerS: 0 }
const common = { ...demand, initMs: 200, diskMs: null, mayForward: true }

const held = (model: string, over: Partial<HeldModel> = {}): HeldModel => ({
  ...common,
  model,
  bytes: { memory: 100 * MB, disk: 0 },
  isInUse: false,
  isPinned: false,
  elsewhere: elsewhere({ isPrimaryHolder: true, isZonePrimary: true, isMemoryPrimary: true }),
  heldForMs: Number.POSITIVE_INFINITY,
  ...over,
})
const candidate = (model: string, over: Partial<CandidateModel> = {}): CandidateModel => ({
  ...common,
  model,
  bytes: { memory: 100 * MB, disk: 0 },
  elsewhere: elsewhere({ far }),
  isArriving: false,
  goneForMs: Number.POSITIVE_INFINITY,
  replaces: null,
  turn: 0,
  waitedRounds: 0,
  ...over,
})
const pin = (over: Partial<PinnedModel> = {}): PinnedModel => ({
  name: 'acme/p',
  replicaCount: 2,
  tier: 'memory',
  model: 'p',
  sizeBytes: 100 * MB,
  isMine: true,
  places: ['self', 'other'],
  isHeld: false,
  isArriving: false,
  keptCount: 0,
  ...over,
})

type Parts = Partial<PlacementView> & { readonly freeBytes?: number }

/** One tier; what is held may go in the order of the list. */
function viewOf({ freeBytes = 500 * MB, ...over }: Parts): PlacementView {
  const models = over.held ?? []
  const usedBytes = models.reduce((sum, { bytes }) => sum + bytes.memory, 0)
  const order = models.filter(({ isPinned, isInUse }) => !isPinned && !isInUse).map(({ model }) => model)
  const rooms = [{ tier: 'memory' as const, limitBytes: usedBytes + freeBytes, freeBytes, order }]
  return { isDraining: false, rooms, held: [], candidates: [], pins: [], ...over }
}

const decide = (parts: Parts) =>
  planPlacement(viewOf(parts)).map(({ kind, model, reason, displaces }) => [kind, model, reason, displaces.join()])

const hot = { ratePerS: 1 }
const replica = { elsewhere: elsewhere({ near, far }) }

describe('a model that is not here', () => {
  it.each([
    { id: 'wanted here, far away', over: hot, is: ['copy', 'c', 'wanted-here', ''] },
    { id: 'a neighbour has it', over: { ...hot, ...replica }, is: ['copy', 'c', 'wanted-here', ''] },
    { id: 'wanted less, a neighbour has it', over: { ratePerS: 0.1, ...replica }, is: ['leave', 'c', 'too-dear', ''] },
    { id: 'hardly wanted', over: { ratePerS: 0.001 }, is: ['leave', 'c', 'too-dear', ''] },
    { id: 'not wanted', over: {}, is: ['leave', 'c', 'too-dear', ''] },
    {
      id: 'a neighbour is about to have it',
      over: { ratePerS: 0.1, elsewhere: elsewhere({ far, near: { ...noCopies, arrivingCount: 1 } }) },
      is: ['leave', 'c', 'too-dear', ''],
    },
    {
      id: 'expected, and nobody has it',
      over: { soonRatePerS: 0.02, elsewhere: elsewhere() },
      is: ['prefetch', 'c', 'wanted-soon', ''],
    },
    { id: 'wanted in the zone', over: { zoneRatePerS: 1 }, is: ['prefetch', 'c', 'wanted-in-zone', ''] },
    {
      id: 'a new revision of what is wanted',
      over: { ...hot, replaces: 'old', elsewhere: elsewhere() },
      is: ['prefetch', 'c', 'new-revision', ''],
    },
    { id: 'on its way', over: { ...hot, isArriving: true }, is: ['leave', 'c', 'arriving', ''] },
    { id: 'went a moment ago', over: { ...hot, goneForMs: 1_000 }, is: ['leave', 'c', 'settling-gone', ''] },
    {
      id: 'it is the turn of others',
      over: { ...hot, turn: 2, waitedRounds: 1 },
      is: ['leave', 'c', 'not-my-turn', ''],
    },
    { id: 'others had their turn', over: { ...hot, turn: 2, waitedRounds: 2 }, is: ['copy', 'c', 'wanted-here', ''] },
    { id: 'too large', over: { ...hot, bytes: { memory: 900 * MB, disk: 0 } }, is: ['leave', 'c', 'no-room', ''] },
    {
      id: 'nobody can deliver it',
      over: { ...hot, elsewhere: elsewhere({ originMs: Number.POSITIVE_INFINITY }) },
      is: ['leave', 'c', 'too-dear', ''],
    },
    { id: 'on disk here', over: { ...hot, diskMs: 100, elsewhere: elsewhere() }, is: ['copy', 'c', 'wanted-here', ''] },
  ])('$id', ({ over, is }) => {
    expect(decide({ candidates: [candidate('c', over)] })).toEqual([is])
  })

  it('is not fetched by a node that is about to stop', () => {
    expect(decide({ isDraining: true, candidates: [candidate('c', hot)], pins: [pin()] })).toEqual([
      ['leave', 'p', 'draining', ''],
      ['leave', 'c', 'draining', ''],
    ])
  })

  it('displaces what is worth less by the margin, and nothing else', () => {
    const worthless = held('v', { ratePerS: 0.001, ...replica })
    const better = held('v', { ratePerS: 0.5, elsewhere: elsewhere({ isPrimaryHolder: true }) })
    const full = { freeBytes: 0, candidates: [candidate('c', hot)] }
    expect(decide({ ...full, held: [worthless] })).toEqual([['copy', 'c', 'wanted-here', 'v']])
    expect(decide({ ...full, held: [better] })[0]).toEqual(['leave', 'c', 'displaces-better', ''])
    expect(decide({ ...full, held: [{ ...worthless, heldForMs: 1_000 }] })[0]).toEqual(['leave', 'c', 'no-room', ''])
    expect(decide({ ...full, held: [{ ...worthless, isInUse: true }] })[0]).toEqual(['leave', 'c', 'no-room', ''])
  })

  it('on a forecast displaces only what is worth clearly less', () => {
    const foreseen = candidate('c', { soonRatePerS: 0.02, elsewhere: elsewhere() })
    const counted = candidate('c', { ratePerS: 0.02, elsewhere: elsewhere() })
    const victim = held('v', { ratePerS: 0.014, elsewhere: elsewhere({ isPrimaryHolder: true }) })
    const full = { freeBytes: 0, held: [victim] }
    expect(decide({ ...full, candidates: [foreseen] })[0]).toEqual(['leave', 'c', 'displaces-better', ''])
    expect(decide({ ...full, candidates: [counted] })[0]).toEqual(['copy', 'c', 'wanted-here', 'v'])
  })

  it('waits when enough was begun, the most saving per byte first', () => {
    const candidates = Array.from({ length: 6 }, (_, at) =>
      candidate(`c${at}`, { ratePerS: 1 + at, bytes: { memory: MB, disk: 0 } }),
    )
    expect(decide({ candidates }).map(([kind, model]) => `${kind} ${model}`)).toEqual([
      'copy c5',
      'copy c4',
      'copy c3',
      'copy c2',
      'leave c1',
      'leave c0',
    ])
  })
})

describe('a model that is here', () => {
  it.each([
    { id: 'pinned by an operator', over: { isPinned: true }, is: 'pinned' },
    { id: 'in use', over: { isInUse: true, ...replica }, is: 'in-use' },
    { id: 'came a moment ago', over: { heldForMs: 1_000, ...replica }, is: 'settling' },
    { id: 'nobody else has it', over: {}, is: 'last-copy' },
    {
      id: 'answers for the last copy',
      over: { elsewhere: elsewhere({ near, isPrimaryHolder: true }) },
      is: 'primary-holder',
    },
    { id: 'also on disk', over: { diskMs: 100, ...replica }, is: 'on-disk' },
    { id: 'a replica that is wanted', over: { ratePerS: 0.01, ...replica }, is: 'replica-near' },
    { id: 'a replica far away', over: { ratePerS: 0.01, elsewhere: elsewhere({ far }) }, is: 'replica-far' },
  ])('is kept: $id', ({ over, is }) => {
    expect(decide({ freeBytes: 0, held: [held('h', over)] })).toEqual([['keep', 'h', is, '']])
  })

  it('is shed as a replica that nobody asks for, from a tier that is nearly full', () => {
    expect(decide({ freeBytes: 0, held: [held('h', replica)] })).toEqual([['shed', 'h', 'unwanted-replica', '']])
    expect(decide({ freeBytes: 50 * MB, held: [held('h', replica)] })).toEqual([['keep', 'h', 'replica-near', '']])
    const wanted = held('h', { ...replica, zoneRatePerS: 0.1 })
    expect(decide({ freeBytes: 0, held: [wanted] })).toEqual([['keep', 'h', 'replica-near', '']])
  })
})

describe('a model that the cluster keeps on several nodes', () => {
  it.each([
    { id: 'missing here', over: {}, is: ['copy', 'p', 'replica-missing', ''] },
    { id: 'on its way', over: { isArriving: true }, is: ['leave', 'p', 'arriving', ''] },
    { id: 'of unknown meaning', over: { model: null, sizeBytes: null }, is: ['leave', null, 'unresolved', ''] },
    { id: 'too large', over: { sizeBytes: 900 * MB }, is: ['leave', 'p', 'no-room', ''] },
  ])('$id', ({ over, is }) => {
    expect(decide({ pins: [pin(over)] })).toEqual([is])
  })

  it('is for others to bring where it is not this node that keeps it', () => {
    expect(decide({ pins: [pin({ isMine: false })] })).toEqual([])
  })

  it('displaces whatever the policy gives up, but no other pin', () => {
    const busy = held('busy', { ratePerS: 5 })
    expect(decide({ freeBytes: 0, held: [busy], pins: [pin()] })).toEqual([['copy', 'p', 'replica-missing', 'busy']])
    const other = pin({ name: 'acme/q', model: 'q', isHeld: true, keptCount: 1 })
    expect(decide({ freeBytes: 0, held: [held('q')], pins: [pin(), other] })).toEqual([
      ['leave', 'p', 'no-room', ''],
      ['keep', 'q', 'replica', ''],
    ])
  })

  it('is kept by a node that is no longer to keep it until those that are have it', () => {
    const mine = { isMine: false, isHeld: true }
    const view = { freeBytes: 0, held: [held('p', replica)] }
    expect(decide({ ...view, pins: [pin({ ...mine, keptCount: 1 })] })).toEqual([
      ['keep', 'p', 'replica-until-taken', ''],
    ])
    expect(decide({ ...view, pins: [pin({ ...mine, keptCount: 2 })] })).toEqual([['shed', 'p', 'unwanted-replica', '']])
  })
})

it('whatever is seen: no tier goes above its limit, nothing in use or pinned goes, and planning again decides the same', () => {
  const rates = { ratePerS: fc.constantFrom(0, 0.001, 0.1, 2), soonRatePerS: fc.constantFrom(null, 0.01, 1) }
  const views = fc.record({
    freeBytes: fc.nat(300 * MB),
    held: fc.uniqueArray(
      fc
        .record({ name: fc.nat(9), bytes: fc.nat(200 * MB), isInUse: fc.boolean(), isPinned: fc.boolean(), ...rates })
        .map(({ name, bytes, ...over }) =>
          held(`h${name}`, { ...over, bytes: { memory: bytes, disk: 0 }, ...replica }),
        ),
      { selector: ({ model }) => model },
    ),
    candidates: fc.uniqueArray(
      fc
        .record({ name: fc.nat(9), bytes: fc.nat(400 * MB), ...rates })
        .map(({ name, bytes, ...over }) => candidate(`c${name}`, { ...over, bytes: { memory: bytes, disk: 0 } })),
      { selector: ({ model }) => model },
    ),
    pins: fc.uniqueArray(
      fc.record({ at: fc.nat(3), sizeBytes: fc.nat(400 * MB) }).map(({ at, sizeBytes }) => {
        return pin({ name: `p${at}`, model: `p${at}`, sizeBytes })
      }),
      { selector: ({ name }) => name },
    ),
  })
  fc.assert(
    fc.property(views, (parts) => {
      const view = viewOf(parts)
      const decisions = planPlacement(view)
      const bytes = new Map<string | null, number>([
        ...view.held.map((one) => [one.model, one.bytes.memory] as const),
        ...view.candidates.map((one) => [one.model, one.bytes.memory] as const),
        ...view.pins.map((one) => [one.model, one.sizeBytes!] as const),
      ])
      const left = decisions.flatMap(({ kind, model, displaces }): (string | null)[] =>
        kind === 'shed' ? [model] : [...displaces],
      )
      const came = decisions.filter(({ kind }) => kind === 'copy' || kind === 'prefetch').map(({ model }) => model)
      const sum = (models: readonly (string | null)[]) => models.reduce((all, one) => all + bytes.get(one)!, 0)
      expect(sum(came) - sum(left)).toBeLessThanOrEqual(parts.freeBytes)
      expect(new Set(left).size).toBe(left.length)
      for (const model of left) expect(view.rooms[0]!.order).toContain(model)
      expect(came.length - view.pins.length).toBeLessThanOrEqual(defaultPlacementOptions.copiesMax)
      expect(planPlacement(view)).toEqual(decisions)
    }),
  )
})

describe('what is remembered from round to round', () => {
  it('since when a model is here, and when one left', () => {
    const memory = new PlacementMemory({ settleMs: 1_000 })
    memory.noteHeld(['a'], 0)
    memory.noteHeld(['a', 'b'], 100)
    expect([memory.heldForMs('a', 150), memory.heldForMs('b', 150)]).toEqual([Number.POSITIVE_INFINITY, 50])
    memory.noteHeld(['a'], 200)
    expect(memory.goneForMs('b', 300)).toBe(100)
    memory.noteHeld(['a'], 1_300)
    expect(memory.goneForMs('b', 1_300)).toBe(Number.POSITIVE_INFINITY)
  })

  it('rounds for which a copy waits for its turn, in a row', () => {
    const memory = new PlacementMemory({ settleMs: 1_000 })
    const waiting = planPlacement(viewOf({ candidates: [candidate('c', { ...hot, turn: 9 })] }))
    memory.noteRound(waiting)
    memory.noteRound(waiting)
    expect(memory.waitedRounds('c')).toBe(2)
    memory.noteRound([])
    expect(memory.waitedRounds('c')).toBe(0)
  })

  it('since when a node cannot be reached', () => {
    const memory = new PlacementMemory({ settleMs: 1_000 })
    memory.noteAbsent(['n'], 100)
    memory.noteAbsent(['n'], 400)
    expect(memory.absentForMs('n', 500)).toBe(400)
    memory.noteAbsent([], 600)
    expect(memory.absentForMs('n', 700)).toBe(0)
  })
})
