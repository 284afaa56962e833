import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type HandoverEffect,
  type HandoverEvent,
  HandoverMachine,
  type HandoverMachinePorts,
} from '../../../core/life/handover-machine.ts'
import type { Timeless } from '../../../core/queue.ts'
import type { HolderView, MemberView } from '../../../core/views/cluster-view.ts'
import { digest, stateBody } from '../fixture.ts'

const models = ['a', 'b', 'c'].map(digest)
const [a, b] = models as [string, string]

/** A node with three pinned models and one peer that has room for all of them. */
class Node {
  readonly holders = new Map<string, string[]>()
  peerIsUsable = true
  isDraining = false
  freeBytes = 100
  names: { name: string; model: string }[] = []
  readonly machine: HandoverMachine

  constructor(residency = models, takesMax = 2) {
    const ports: HandoverMachinePorts = {
      core: {
        members: () => (this.peerIsUsable ? [this.member()] : []),
        holders: (model) => (this.holders.get(model) ?? []).map((node, place) => holder(node, place + 1)),
        clusterDemandOf: () => 0,
      },
      zone: 'default',
      residency: () => residency.map((model) => ({ model, sizeBytes: 10 })),
      names: () => this.names,
      isPinned: () => true,
      isDraining: () => this.isDraining,
      freeBytes: () => this.freeBytes,
    }
    this.machine = new HandoverMachine(ports, { takesMax, askMs: 5_000, toldMax: 2, lookMs: 100 })
  }

  step(event: Timeless<HandoverEvent>): readonly HandoverEffect[] {
    return this.machine.step({ ...event, nowMs: 0 })
  }

  kinds(event: Timeless<HandoverEvent>): string[] {
    return this.step(event).map(({ kind }) => kind)
  }

  private member(): MemberView {
    const state = stateBody()
    const known = { epoch: 1, sequence: 1, residency: null, suspectedBy: [], ageMs: 0, rttMs: 1 }
    return { node: 'peer', isSelf: false, connected: true, suspected: false, distrusted: false, state, ...known }
  }
}

function holder(node: string, rttMs = 1): HolderView {
  const addresses = { bulkAddress: '', httpUrl: '' }
  const view = { tier: 'disk', sizeBytes: 10, suspected: false, draining: false, rttMs, queueMs: 0 } as const
  return { node, sameZone: true, ...view, ...addresses }
}

describe('a node that leaves', () => {
  it('holds each model until another node says that it has it', () => {
    const node = new Node([a])
    const asked = { kind: 'ask-take', model: a, to: 'peer', names: [], timeoutMs: 5_000 }
    expect(node.step({ kind: 'leave' })).toEqual([{ kind: 'hold', model: a }, asked, timer(1)])
    expect(node.step({ kind: 'due', turn: 1 })).toEqual([timer(2)])
    expect(node.step({ kind: 'taken', model: a })).toEqual([])
    expect(node.step({ kind: 'due', turn: 1 })).toEqual([])
    node.holders.set(a, ['peer'])
    expect(node.kinds({ kind: 'due', turn: 2 })).toEqual(['unhold', 'handed-on', 'handed'])
    expect(node.step({ kind: 'time-up' })).toEqual([])
  })

  it.each<{ id: string; event: Timeless<HandoverEvent>; peerIsUsable?: boolean; code: string }>([
    { id: 'the other leaves too', event: { kind: 'taken', model: a }, peerIsUsable: false, code: 'PEER_UNREACHABLE' },
    { id: 'the other refuses', event: notTaken(a), code: 'DISK_FULL' },
    { id: 'there is no more time', event: { kind: 'time-up' }, code: 'DEADLINE_EXCEEDED' },
  ])('leaves a model to the origin when $id', ({ event, peerIsUsable = true, code }) => {
    const node = new Node([a])
    node.step({ kind: 'leave' })
    node.peerIsUsable = peerIsUsable
    expect(node.step(event)).toMatchObject([
      { kind: 'unhold', model: a },
      { kind: 'not-handed-on', failure: { code } },
      { kind: 'handed', handedOn: 0, left: 1 },
    ])
  })

  it('gives the names with the last copy, and tells those of other models to their two nearest holders', () => {
    const node = new Node([a])
    node.names = [
      { name: 'acme/a:v1', model: a },
      { name: 'acme/a:latest', model: a },
      { name: 'acme/b:v1', model: b },
      { name: 'acme/nobody-has-it:v1', model: models[2]! },
    ]
    node.holders.set(b, ['near', 'middle', 'far'])
    const effects = node.step({ kind: 'leave' })
    expect(effects.find(({ kind }) => kind === 'ask-take')).toMatchObject({ names: ['acme/a:v1', 'acme/a:latest'] })
    expect(effects.filter(({ kind }) => kind === 'tell-names')).toEqual(
      ['near', 'middle'].map((to) => ({ kind: 'tell-names', to, names: ['acme/b:v1'], timeoutMs: 5_000 })),
    )
    node.holders.set(a, ['peer'])
    expect(node.kinds({ kind: 'taken', model: a })).toEqual(['unhold', 'handed-on'])
    expect(node.kinds({ kind: 'told', to: 'near', failure: null })).toEqual([])
    const failure = { code: 'PEER_UNREACHABLE', message: 'it is gone' } as const
    expect(node.kinds({ kind: 'told', to: 'middle', failure })).toEqual(['not-told', 'handed'])
    expect(node.machine.openCount).toBe(0)
  })

  it('does not wait for a holder that hears no names when there is no more time', () => {
    const node = new Node([])
    node.names = [{ name: 'acme/b:v1', model: b }]
    node.holders.set(b, ['mute'])
    expect(node.kinds({ kind: 'leave' })).toEqual(['tell-names'])
    expect(node.kinds({ kind: 'time-up' })).toEqual(['not-told', 'handed'])
    expect(node.kinds({ kind: 'told', to: 'mute', failure: null })).toEqual([])
  })

  it('ends at once when nobody can take anything, and begins once', () => {
    const node = new Node()
    node.peerIsUsable = false
    expect(node.step({ kind: 'leave' })).toEqual([{ kind: 'handed', handedOn: 0, left: 3 }])
    expect(node.step({ kind: 'leave' })).toEqual([])
  })

  it('releases each hold and ends once, whatever comes in whatever order', () => {
    const model = fc.constantFrom(...models)
    const event: fc.Arbitrary<Timeless<HandoverEvent> | 'held' | 'peer-gone'> = fc.oneof(
      fc.record({ kind: fc.constant('taken' as const), model }),
      model.map(notTaken),
      fc.record({ kind: fc.constant('due' as const), turn: fc.integer({ min: 0, max: 4 }) }),
      fc.constant({ kind: 'time-up' as const }),
      fc.constant('held' as const),
      fc.constant('peer-gone' as const),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), (events) => {
        const node = new Node()
        const effects = [...node.step({ kind: 'leave' })]
        for (const next of events) {
          if (next === 'held') node.holders.set(b, ['peer'])
          else if (next === 'peer-gone') node.peerIsUsable = false
          else effects.push(...node.step(next))
        }
        effects.push(...node.step({ kind: 'time-up' }))
        const count = (kind: HandoverEffect['kind']) => effects.filter((effect) => effect.kind === kind).length
        expect([count('hold'), count('unhold'), count('handed')]).toEqual([3, 3, 1])
        const ended = effects.find((effect) => effect.kind === 'handed')!
        expect([ended.handedOn, ended.left]).toEqual([count('handed-on'), count('not-handed-on')])
        expect(node.machine.openCount).toBe(0)
      }),
    )
  })
})

describe('a node that is asked to take a model', () => {
  const ask = (take: number) => ({ kind: 'take-asked', take, from: 'leaving', model: a }) as const

  it('takes so many at one time, and the next when one has ended', () => {
    const node = new Node()
    expect(node.step(ask(1))).toEqual([{ kind: 'size-take', take: 1, model: a }])
    expect(node.step({ kind: 'take-sized', take: 1, sizeBytes: 100 })).toEqual([
      { kind: 'take', take: 1, from: 'leaving', model: a, sizeBytes: 100 },
    ])
    node.step(ask(2))
    expect(node.step(ask(3))).toMatchObject([{ kind: 'refuse-take', take: 3, failure: { code: 'OVERLOADED' } }])
    node.step({ kind: 'take-ended', take: 1 })
    expect(node.kinds(ask(4))).toEqual(['size-take'])
  })

  it('refuses while it leaves itself, and what it has no free room for', () => {
    const node = new Node([], 1)
    node.isDraining = true
    expect(node.step(ask(1))).toMatchObject([{ failure: { code: 'SHUTTING_DOWN' } }])
    node.isDraining = false
    node.step(ask(2))
    const details = { neededBytes: 101, freeBytes: 100 }
    expect(node.step({ kind: 'take-sized', take: 2, sizeBytes: 101 })).toMatchObject([
      { kind: 'refuse-take', failure: { code: 'DISK_FULL', details } },
    ])
    expect(node.kinds(ask(3))).toEqual(['size-take'])
  })
})

function timer(turn: number): HandoverEffect {
  return { kind: 'timer', turn, afterMs: 100 }
}

function notTaken(model: string): Timeless<HandoverEvent> {
  return { kind: 'not-taken', model, failure: { code: 'DISK_FULL', message: 'there is no room' } }
}
