/** Random interleavings of everything that can happen to a fetch. The fixture recounts all flights after every step. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChunkFailure, Effect } from '../../../core/events.ts'
import { CoreFixture, chunksOf, digest, type EffectOf, entryOf, nameOf, only, resident } from '../fixture.ts'

const peers = ['a', 'b', 'c']
const models = [digest('one'), digest('two')]
const failures: ChunkFailure[] = ['mismatch', 'missing', 'timeout', 'closed', 'refused', 'unavailable']

type Action =
  | { readonly do: 'fetch' | 'cancel' | 'up' | 'down' | 'gains' | 'fetches' | 'loses'; readonly at: number }
  | { readonly do: 'deliver' | 'repeat'; readonly at: number }
  | { readonly do: 'fail'; readonly at: number; readonly failure: ChunkFailure }
  | { readonly do: 'wait'; readonly at: number }

const at = fc.nat({ max: 60 })
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('fetch', 'up', 'gains', 'fetches', 'down', 'loses', 'cancel'), at }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('deliver', 'repeat'), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail'), at, failure: fc.constantFrom(...failures) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), at }) },
) as fc.Arbitrary<Action>

class Run {
  readonly node: CoreFixture
  /** Answers under way: the world may still deliver or fail them. */
  open: EffectOf<'get-chunk'>[] = []
  readonly past: EffectOf<'get-chunk'>[] = []
  readonly done = new Map<string, Set<string>>()
  readonly running = new Set<string>()
  readonly distrusted = new Set<string>()

  constructor(seed: number) {
    this.node = new CoreFixture({ seed })
  }

  act(step: Action): void {
    const { node } = this
    const peer = peers[step.at % peers.length]!
    const model = models[step.at % models.length]!
    switch (step.do) {
      case 'fetch': {
        if (!this.running.has(model)) this.done.set(model, new Set())
        this.running.add(model)
        this.take(node.fetch(model, chunksOf(model, 6), step.at % 3 !== 0))
        break
      }
      case 'cancel':
        this.running.delete(model)
        this.open = this.open.filter((asked) => asked.model !== model)
        this.take(node.step({ kind: 'fetch-cancelled', model }))
        break
      case 'up':
        this.take(node.peer(peer, []))
        break
      case 'down':
        this.take(node.step({ kind: 'peer-down', node: peer }))
        break
      case 'gains':
      case 'loses':
      case 'fetches': {
        const held = step.do === 'gains' ? [...models].sort().map((id) => resident(id)) : []
        const body = step.do === 'fetches' ? { models: held, fetching: [...models].sort() } : { models: held }
        this.take(node.step({ kind: 'entries', from: peer, entries: [entryOf('residency', peer, body)] }))
        break
      }
      case 'deliver': {
        const asked = this.open.splice(step.at % Math.max(1, this.open.length), 1)[0]
        if (asked !== undefined) this.deliver(asked)
        break
      }
      case 'repeat': {
        const asked = this.past[step.at % Math.max(1, this.past.length)]
        if (asked !== undefined && this.running.has(asked.model)) this.deliver(asked)
        break
      }
      case 'fail': {
        const asked = this.open.splice(step.at % Math.max(1, this.open.length), 1)[0]
        if (asked !== undefined) this.take(node.failed(asked, step.failure))
        break
      }
      case 'wait':
        this.take(node.pass(100 * (1 + (step.at % 12))))
        break
    }
  }

  /** Nothing more goes wrong: every fetch must end. */
  drain(): void {
    for (let round = 0; round < 400 && this.running.size > 0; round += 1) {
      for (const asked of this.open.splice(0)) this.deliver(asked)
      this.take(this.node.pass(500))
    }
  }

  private deliver(asked: EffectOf<'get-chunk'>): void {
    // Recorded first: the core answers within the same step.
    this.done.get(asked.model)?.add(asked.chunk.sha256)
    this.take(this.node.done(asked))
  }

  private take(effects: readonly Effect[]): void {
    for (const effect of only(effects, 'distrust')) {
      expect(this.distrusted.has(effect.node), 'a node is reported once').toBe(false)
      this.distrusted.add(effect.node)
    }
    for (const asked of only(effects, 'get-chunk')) {
      expect(this.running.has(asked.model), 'chunks are asked for running fetches only').toBe(true)
      expect(this.done.get(asked.model)!.has(asked.chunk.sha256), 'a done chunk is never asked for').toBe(false)
      expect(this.distrusted.has(nameOf(asked.source)), 'a distrusted node is never asked').toBe(false)
      this.open.push(asked)
      this.past.push(asked)
    }
    for (const effect of effects) {
      if (effect.kind !== 'fetch-complete' && effect.kind !== 'fetch-failed') continue
      expect(this.running.delete(effect.model), 'a fetch ends once').toBe(true)
      this.open = this.open.filter((asked) => asked.model !== effect.model)
      const complete = effect.kind === 'fetch-complete'
      expect(this.done.get(effect.model)!.size === 6, 'complete exactly when all chunks are there').toBe(complete)
    }
  }
}

test('whatever happens, a done chunk is never asked for, counters hold, and every fetch ends exactly once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000 }), fc.array(action, { maxLength: 60 }), (seed, actions) => {
      const run = new Run(seed)
      for (const peer of peers) run.node.peer(peer, peer === 'c' ? [] : models)
      for (const step of actions) run.act(step)
      run.drain()
      expect([...run.running], 'every fetch has ended').toEqual([])
    }),
    { numRuns: 1000 },
  )
})
