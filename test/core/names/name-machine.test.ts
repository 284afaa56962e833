import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RefFacts } from '../../../core/names/known-refs.ts'
import { NameMachine } from '../../../core/names/name-machine.ts'
import type { NameEffect, NameEvent, NameMachineOptions } from '../../../core/names/types.ts'
import type { Timeless } from '../../../core/queue.ts'

const name = 'acme/m:latest'
const refTo = (manifest: string, sequence: number, publicKey = 'key'): RefFacts<string> => {
  return { manifest, sequence, publicKey, record: `${manifest} ${sequence}` }
}
const away = { code: 'ORIGIN_UNAVAILABLE', message: 'the origin is away' } as const

class Node {
  nowMs = 0
  readonly manifests = new Set<string>(['one', 'two'])
  readonly machine: NameMachine<string>

  constructor(hasOrigin = true, options: Partial<NameMachineOptions> = {}) {
    const hasManifest = (model: string) => this.manifests.has(model)
    this.machine = new NameMachine({ hasManifest, hasOrigin }, { freshMs: 1_000, originPatienceMs: 300, ...options })
  }

  step(event: Timeless<NameEvent<string>>): readonly NameEffect<string>[] {
    return this.machine.step({ ...event, nowMs: this.nowMs })
  }

  said(event: Timeless<NameEvent<string>>): string[] {
    return this.step(event).map(textOf)
  }

  /** Resolved at the origin, and not fresh any more. */
  knowing(ref: RefFacts<string>): this {
    this.step({ kind: 'resolve', want: 0, name, isAtOnce: false })
    this.step(origin(ref))
    this.nowMs += 1_001
    return this
  }
}

function textOf(effect: NameEffect<string>): string {
  switch (effect.kind) {
    case 'ask-manifest':
      return `ask ${effect.place} for ${effect.model}`
    case 'resolved':
      return `${effect.want} is ${effect.model}, ${effect.ageMs} ms old`
    case 'refreshed':
      return `${effect.want} is ref ${effect.ref.record}${effect.unconfirmed === null ? '' : `, ${effect.unconfirmed.code}`}`
    case 'unresolved':
      return `${effect.want} is ${effect.failure.code}`
    case 'time-origin':
      return `wait ${effect.afterMs} ms`
    case 'keep-ref':
      return `keep ${effect.ref.record}`
    default:
      return effect.kind
  }
}

/** By somebody who wants it as the origin has it. */
const resolve = (want: number) => ({ kind: 'resolve', want, name, isAtOnce: false }) as const
/** By a request. */
const serve = (want: number) => ({ kind: 'resolve', want, name, isAtOnce: true }) as const
const refresh = (want: number) => ({ kind: 'refresh', want, name }) as const
const origin = (ref: RefFacts<string> | null) => ({ kind: 'origin-ref', name, ref, failure: null }) as const
const originIsAway = { kind: 'origin-ref', name, ref: null, failure: away } as const
const peers = (...refs: RefFacts<string>[]) => {
  return { kind: 'peer-refs', name, refs: refs.map((ref) => ({ node: 'peer', ref })) } as const
}

describe('a name', () => {
  it('is asked of the origin once for all who want it, and again when it is no longer fresh', () => {
    const node = new Node()
    expect(node.said(resolve(1))).toEqual(['ask-origin-ref', 'wait 300 ms'])
    expect(node.said(resolve(2))).toEqual([])
    expect(node.said(origin(refTo('one', 1)))).toEqual(['keep one 1', '1 is one, 0 ms old', '2 is one, 0 ms old'])
    node.nowMs = 1_000
    expect(node.machine.answerNow(name, node.nowMs)).toBe('one')
    expect(node.said(resolve(3))).toEqual(['3 is one, 1000 ms old'])
    node.nowMs = 1_001
    expect(node.machine.answerNow(name, node.nowMs)).toBe(null)
    expect(node.said(resolve(4))).toEqual(['ask-origin-ref', 'wait 300 ms'])
    expect(node.machine.openCount).toBe(1)
  })

  it.each<{ id: string; answers: Timeless<NameEvent<string>>[]; known?: RefFacts<string>; ends: string[] }>([
    { id: 'that the origin does not have', answers: [origin(null), peers()], ends: ['1 is UNKNOWN_MODEL'] },
    { id: 'that only the origin could know', answers: [originIsAway, peers()], ends: ['1 is ORIGIN_UNAVAILABLE'] },
    {
      id: 'that peers know, the newest of them',
      answers: [originIsAway, peers(refTo('one', 1), refTo('two', 2), refTo('one', 1))],
      ends: ['keep one 1', 'keep two 2', '1 is two, 0 ms old'],
    },
    {
      id: 'that is known, of which nobody says anything: it is as old as it was',
      answers: [originIsAway, peers()],
      known: refTo('one', 1),
      ends: ['1 is one, 1001 ms old'],
    },
    {
      id: 'that is known, of which a peer says the same',
      answers: [originIsAway, peers(refTo('one', 1))],
      known: refTo('one', 1),
      ends: ['1 is one, 0 ms old'],
    },
    {
      id: 'of which a peer says that it has another publisher',
      answers: [origin(null), peers(refTo('two', 9, 'foreign'))],
      known: refTo('one', 1),
      ends: ['bad-ref', '1 is one, 1001 ms old'],
    },
    {
      id: 'that goes back at the origin',
      answers: [origin(refTo('two', 1))],
      known: refTo('one', 2),
      ends: ['1 is one, 0 ms old'],
    },
  ])('$id', ({ answers, known, ends }) => {
    const node = known === undefined ? new Node() : new Node().knowing(known)
    expect(node.said(resolve(1))).toEqual(['ask-origin-ref', 'wait 300 ms'])
    expect(answers.flatMap((event) => node.said(event)).filter((text) => text !== 'ask-peers-ref')).toEqual(ends)
  })

  it('that nobody had is not looked for again for a while, unless somebody looks it up anew', () => {
    const node = new Node(true, { missingMs: 500 })
    for (const event of [resolve(1), origin(null), peers()]) node.step(event)
    node.nowMs = 499
    expect(node.said(serve(2))).toEqual(['2 is UNKNOWN_MODEL'])
    expect(node.said(refresh(3))).toEqual(['ask-origin-ref'])
    expect(node.said(origin(refTo('one', 1)))).toEqual(['keep one 1', '3 is ref one 1'])
    expect(node.said(serve(4))).toEqual(['4 is one, 0 ms old'])
    const later = new Node(true, { missingMs: 500 })
    for (const event of [resolve(1), origin(null), peers()]) later.step(event)
    later.nowMs = 500
    expect(later.said(serve(2))).toEqual(['ask-origin-ref', 'wait 300 ms'])
  })

  it('of which an origin that is away could know is looked for each time', () => {
    const node = new Node()
    for (const event of [resolve(1), originIsAway, peers()]) node.step(event)
    expect(node.said(resolve(2))).toEqual(['ask-origin-ref', 'ask-peers-ref'])
  })

  it('so many that nobody had are remembered, the latest', () => {
    const node = new Node(true, { missingMs: 500, missingMax: 1 })
    for (const other of ['acme/a:latest', 'acme/b:latest']) {
      node.step({ ...resolve(1), name: other })
      node.step({ ...origin(null), name: other })
      node.step({ ...peers(), name: other })
    }
    expect(node.said({ ...serve(2), name: 'acme/b:latest' })).toEqual(['2 is UNKNOWN_MODEL'])
    expect(node.said({ ...serve(3), name: 'acme/a:latest' })).toEqual(['ask-origin-ref', 'wait 300 ms'])
  })

  it('that is known is served at once with its age, and looked up behind: nobody waits for an origin that is slow, hangs or is away', () => {
    const node = new Node().knowing(refTo('one', 1))
    expect(node.said(serve(1))).toEqual(['ask-origin-ref', '1 is one, 1001 ms old'])
    node.nowMs += 60_000
    expect(node.said(serve(2))).toEqual(['2 is one, 61001 ms old'])
    expect(node.said(originIsAway)).toEqual(['ask-peers-ref'])
    expect(node.said(serve(3))).toEqual(['3 is one, 61001 ms old'])
    expect(node.said(peers())).toEqual([])
    expect(node.said(serve(4))).toEqual(['4 is one, 61001 ms old'])
    node.nowMs += 1_001
    expect(node.said(serve(5))).toEqual(['ask-origin-ref', '5 is one, 62002 ms old'])
    expect(node.said(origin(refTo('two', 2)))).toEqual(['keep two 2'])
    expect(node.said(serve(6))).toEqual(['6 is two, 0 ms old'])
  })

  it('of an earlier run is served at once, of unknown age', () => {
    const node = new Node()
    node.step({ kind: 'found', name, ref: refTo('one', 1) })
    expect(node.said(serve(1))).toEqual(['ask-origin-ref', '1 is one, Infinity ms old'])
  })

  it('is waited for by requests too where they are to have what the origin says', () => {
    const node = new Node(true, { serveStale: false }).knowing(refTo('one', 1))
    expect(node.said(serve(1))).toEqual(['ask-origin-ref', 'wait 300 ms'])
    expect(node.said(origin(refTo('two', 2)))).toEqual(['keep two 2', '1 is two, 0 ms old'])
  })

  it('that is looked up for later calls is asked for once in a while, known or not', () => {
    const node = new Node()
    const behind = { kind: 'look-up-behind', name } as const
    expect(node.said(behind)).toEqual(['ask-origin-ref'])
    expect(node.said(behind)).toEqual([])
    expect([...node.said(origin(null)), ...node.said(peers())]).toEqual(['ask-peers-ref'])
    node.nowMs += 1_000
    expect(node.said(behind)).toEqual([])
    node.nowMs += 1
    expect(node.said(behind)).toEqual(['ask-origin-ref'])
  })

  it('that is not known is asked of peers beside an origin that takes long, and what they know is served', () => {
    const node = new Node()
    expect(node.said(serve(1))).toEqual(['ask-origin-ref', 'wait 300 ms'])
    node.step(refresh(9))
    node.nowMs += 300
    expect(node.said({ kind: 'origin-slow', name })).toEqual(['ask-peers-ref'])
    expect(node.said({ kind: 'origin-slow', name })).toEqual([])
    expect(node.said(peers(refTo('one', 1)))).toEqual(['keep one 1', '1 is one, 0 ms old'])
    expect(node.machine.openCount).toBe(1)
    expect(node.said(originIsAway)).toEqual(['ask-origin-ref'])
    expect(node.said({ kind: 'origin-slow', name: 'acme/other:latest' })).toEqual([])
  })

  it('that is not known is asked of peers at once while the origin is away', () => {
    const node = new Node()
    node.step(serve(1))
    node.step(originIsAway)
    expect(node.said(peers())).toEqual(['1 is ORIGIN_UNAVAILABLE'])
    expect(node.said(serve(2))).toEqual(['ask-origin-ref', 'ask-peers-ref'])
    expect(node.said(peers())).toEqual([])
    expect(node.said(origin(refTo('one', 1)))).toEqual(['keep one 1', '2 is one, 0 ms old'])
  })

  it('that a peer was first to tell gives way to the origin, however high its sequence', () => {
    const node = new Node()
    node.step(resolve(1))
    node.step(originIsAway)
    expect(node.said(peers(refTo('two', 2 ** 53 - 1, 'foreign')))).toContain('1 is two, 0 ms old')
    node.nowMs = 2_000
    node.step(resolve(2))
    node.step(origin(refTo('one', 1)))
    expect(node.said(resolve(3))).toEqual(['3 is one, 0 ms old'])
  })

  it('that is refreshed is looked up after a look-up that had begun before', () => {
    const node = new Node()
    node.step(resolve(1))
    expect(node.said(refresh(2))).toEqual([])
    const effects = node.said(origin(refTo('one', 1)))
    expect(effects).toEqual(['keep one 1', '1 is one, 0 ms old', 'ask-origin-ref'])
    expect(node.said(origin(refTo('two', 2)))).toEqual(['keep two 2', '2 is ref two 2'])
  })

  it.each([
    { id: 'is away', answer: originIsAway, code: 'ORIGIN_UNAVAILABLE' },
    { id: 'has no such tag', answer: origin(null), code: 'UNKNOWN_MODEL' },
  ])('that is refreshed says so when the origin $id', ({ answer, code }) => {
    const node = new Node().knowing(refTo('one', 1))
    node.step(refresh(1))
    node.step(answer)
    expect(node.said(peers())).toEqual([`1 is ref one 1, ${code}`])
  })

  it('of an earlier run is used, but not before somebody was asked', () => {
    const node = new Node(false)
    node.step({ kind: 'found', name, ref: refTo('one', 1) })
    expect(node.said(resolve(1))).toEqual(['ask-peers-ref'])
    expect(node.said(peers())).toEqual(['1 is one, Infinity ms old'])
  })
})

describe('a manifest', () => {
  const answer = (
    place: 'here' | 'holders' | 'origin' | 'others',
    isHere = false,
    failure: typeof away | null = null,
  ) => ({ kind: 'manifest', model: 'far', place, isHere, failure }) as const

  it('is looked for place after place, once for all who want it', () => {
    const node = new Node()
    expect(node.said({ kind: 'resolve-digest', want: 1, model: 'far' })).toEqual(['ask here for far'])
    expect(node.said({ kind: 'resolve-digest', want: 2, model: 'far' })).toEqual([])
    expect(node.said(answer('here'))).toEqual(['ask holders for far'])
    expect(node.said(answer('here', true))).toEqual([])
    expect(node.said(answer('holders'))).toEqual(['ask origin for far'])
    expect(node.said(answer('origin'))).toEqual(['ask others for far'])
    expect(node.said(answer('others', true))).toEqual(['1 is far, 0 ms old', '2 is far, 0 ms old'])
    expect(node.machine.openCount).toBe(0)
  })

  it.each([
    { id: 'nobody has it', hasOrigin: true, failure: null, code: 'UNKNOWN_MODEL' },
    { id: 'only the origin could have it', hasOrigin: true, failure: away, code: 'ORIGIN_UNAVAILABLE' },
    { id: 'no peer has it and there is no origin', hasOrigin: false, failure: null, code: 'UNKNOWN_MODEL' },
  ])('is $code when $id', ({ hasOrigin, failure, code }) => {
    const node = new Node(hasOrigin)
    node.step({ kind: 'resolve-digest', want: 1, model: 'far' })
    const answers = [answer('here'), answer('holders'), answer('origin', false, failure), answer('others')]
    const effects = answers.flatMap((event) => node.said(event))
    expect(effects.filter((text) => text === 'ask origin for far')).toHaveLength(hasOrigin ? 1 : 0)
    expect(effects.at(-1)).toBe(`1 is ${code}`)
  })
})

it('every question is answered once, and no sequence falls, whatever is said in whatever order', () => {
  const ref = fc.record({ manifest: fc.constantFrom('one', 'two', 'far'), sequence: fc.integer({ min: 1, max: 5 }) })
  const facts = ref.map(({ manifest, sequence }) => refTo(manifest, sequence))
  const event = fc.oneof(
    fc.constant('resolve' as const),
    fc.constant('refresh' as const),
    fc.constant('pass' as const),
    fc.constant('serve' as const),
    fc.constant({ kind: 'origin-slow', name } as const),
    fc.constant({ kind: 'look-up-behind', name } as const),
    fc.option(facts).map((one) => origin(one)),
    fc.constant(originIsAway),
    fc.array(facts, { maxLength: 2 }).map((refs) => peers(...refs)),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const node = new Node()
      const answered: number[] = []
      let [asked, sequence] = [0, 0]
      const take = (effects: readonly NameEffect<string>[]): void => {
        for (const effect of effects) {
          if (effect.kind === 'resolved' || effect.kind === 'refreshed' || effect.kind === 'unresolved') {
            answered.push(effect.want)
          } else if (effect.kind === 'ask-manifest') {
            const { model, place } = effect
            take(node.step({ kind: 'manifest', model, place, isHere: place === 'others', failure: null }))
          }
        }
        const known = node.machine.known(name)?.sequence ?? 0
        expect(known).toBeGreaterThanOrEqual(sequence)
        sequence = known
      }
      for (const next of events) {
        if (next === 'pass') node.nowMs += 700
        else if (next === 'resolve' || next === 'refresh' || next === 'serve') {
          asked += 1
          take(node.step(next === 'refresh' ? refresh(asked) : next === 'serve' ? serve(asked) : resolve(asked)))
        } else take(node.step(next))
      }
      for (let turn = 0; turn < 2 && node.machine.openCount > 0; turn += 1) {
        take(node.step(originIsAway))
        take(node.step(peers()))
      }
      expect(answered.sort((a, b) => a - b)).toEqual(Array.from({ length: asked }, (_, at) => at + 1))
    }),
  )
})

describe('names that a node brings unasked', () => {
  const handOn = (node: string, at: number) => ({
    kind: 'ref-received' as const,
    name: `acme/${node}-${at}:latest`,
    node,
    ref: refTo('one', 1),
  })

  it('are known from then on, so that a model of which the last other copy has gone is still found', () => {
    const node = new Node()
    expect(node.said({ kind: 'ref-received', name, node: 'leaver', ref: refTo('one', 1) })).toEqual(['keep one 1'])
    expect(node.machine.known(name)).toMatchObject({ manifest: 'one' })
  })

  it('are so many of one node, so many of all, and those that are asked for count no more', () => {
    const node = new Node(true, { handedPerNodeMax: 3, handedMax: 4 })
    const kept = (event: Timeless<NameEvent<string>>) => node.said(event).length === 1
    expect([0, 1, 2, 3].map((at) => kept(handOn('liar', at)))).toEqual([true, true, true, false])
    expect([0, 1].map((at) => kept(handOn('leaver', at)))).toEqual([true, false])
    node.step({ kind: 'resolve', want: 1, name: 'acme/liar-0:latest', isAtOnce: false })
    expect(kept(handOn('leaver', 1))).toBe(true)
  })
})
