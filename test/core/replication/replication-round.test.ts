import { describe, expect, it } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import {
  defaultReplicationRoundOptions,
  NodeCore,
  PinProtection,
  ReplicationRound,
  type ReplicationRoundOptions,
  type RoundEffect,
  type RoundEvent,
  type Timeless,
} from '../../../core/index.ts'
import { localModels } from '../../../core/views/local-models.ts'
import { digest, sign, stateBody } from '../fixture.ts'

const MB = 1_000_000
const x = digest('x')

/** One node that is alone in its cluster, with an empty memory and a name that means `x`. */
class Node {
  nowMs = 1_000
  isReady = true
  hasModel = false
  readonly core = new NodeCore({ self: 'self', epoch: 1, sign, random: createPrng(1) })
  readonly pins = new PinProtection(() => this.core.pinned)
  readonly round: ReplicationRound

  constructor(options: Partial<ReplicationRoundOptions> = {}) {
    this.core.step({ kind: 'local-state', body: stateBody(), nowMs: this.nowMs })
    this.round = new ReplicationRound(
      {
        core: this.core,
        pins: this.pins,
        random: createPrng(2),
        local: () => this.local(),
        names: () => [],
        knownName: () => x,
        isReady: () => this.isReady,
      },
      { ...defaultReplicationRoundOptions, ...options },
    )
  }

  step(event: Timeless<RoundEvent>): readonly RoundEffect[] {
    return this.round.step({ ...event, nowMs: this.nowMs })
  }

  pin(replicaCount = 1): void {
    const record = { name: 'acme/x:v1', replicaCount, tier: 'memory' as const, changedMs: this.nowMs, by: 'self' }
    this.core.step({ kind: 'pins', records: [record], wallMs: this.nowMs, nowMs: this.nowMs })
  }

  kinds(event: Timeless<RoundEvent>): string[] {
    return this.step(event).map(({ kind }) => kind)
  }

  private local() {
    const memoryBytes = this.hasModel ? MB : 0
    return localModels({
      isDraining: false,
      originAllowed: true,
      tiers: {
        memory: { limitBytes: 10 * MB, usedBytes: memoryBytes },
        disk: { limitBytes: 0, usedBytes: 0 },
      },
      copies: [{ model: x, sizeBytes: MB, bytes: { memory: memoryBytes, disk: 0 }, isInUse: false, isPinned: false }],
      arriving: [],
      evictionOrder: () => [],
      known: () => ({ sizeBytes: MB, form: 'derived', mayForward: true }),
      initMs: () => 100,
      diskMs: () => 1,
      soonRatePerS: () => null,
    })
  }
}

describe('rounds', () => {
  it('come within the last quarter of the interval, and an old turn is ignored', () => {
    const node = new Node({ intervalMs: 1_000 })
    const waits: number[] = []
    for (let turn = 0; turn < 200; turn += 1) {
      const effects = node.step(turn === 0 ? { kind: 'start' } : { kind: 'due', turn })
      const timer = effects.find((effect) => effect.kind === 'timer')!
      expect(timer.turn).toBe(turn + 1)
      waits.push(timer.afterMs)
    }
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(750)
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_000)
    expect(new Set(waits).size).toBeGreaterThan(50)
    expect(node.step({ kind: 'due', turn: 3 })).toEqual([])
  })

  it('do nothing while the node is not ready, and go on', () => {
    const node = new Node()
    node.isReady = false
    node.pin()
    node.step({ kind: 'start' })
    expect(node.kinds({ kind: 'due', turn: 1 })).toEqual(['timer'])
    node.isReady = true
    expect(node.kinds({ kind: 'due', turn: 2 })).toEqual(['look-up-pins', 'acted', 'bring', 'timer'])
  })
})

describe('a pin', () => {
  it('that was changed is seen at the next look, once', () => {
    const node = new Node()
    expect(node.step({ kind: 'look' })).toEqual([])
    node.pin()
    expect(node.kinds({ kind: 'look' })).toEqual(['look-up-pins', 'acted', 'bring'])
    expect(node.step({ kind: 'look' })).toEqual([])
  })

  it('is brought once, protected when it came, and tried again when it did not come', () => {
    const node = new Node()
    node.pin()
    const bring = node.step({ kind: 'changed', name: null }).find((effect) => effect.kind === 'bring')!
    expect(bring).toMatchObject({ model: x, decision: { reason: 'replica-missing', name: 'acme/x:v1' } })
    expect(node.kinds({ kind: 'changed', name: null })).toEqual(['look-up-pins'])
    const failure = { code: 'MEMORY_FULL', message: 'no room' } as const
    expect(node.step({ kind: 'brought', decision: bring.decision, failure })).toEqual([])
    expect(node.pins.errorOf('acme/x:v1')).toBe('no room')
    expect(node.kinds({ kind: 'changed', name: null })).toEqual(['look-up-pins', 'acted', 'bring'])
    node.hasModel = true
    node.step({ kind: 'brought', decision: bring.decision, failure: null })
    expect([node.pins.errorOf('acme/x:v1'), node.pins.kept()]).toEqual([null, [x]])
    expect(node.kinds({ kind: 'changed', name: null })).toEqual(['look-up-pins'])
  })

  it('is kept though nothing is replicated for demand', () => {
    const node = new Node({ replication: false })
    node.pin()
    expect(node.kinds({ kind: 'changed', name: null })).toEqual(['look-up-pins', 'acted', 'bring'])
  })
})

describe('a copy that failed', () => {
  it.each([
    { code: 'DISK_FULL', again: ['acted', 'bring'] },
    { code: 'UNSUPPORTED_OPERATOR', again: [] },
    { code: 'BAD_MODEL_FILE', again: [] },
  ] as const)('with $code is begun again: $again; one that cannot succeed an hour later', ({ code, again }) => {
    const node = new Node()
    const round = () => {
      node.nowMs += 10_000
      for (let at = 0; at < 20; at += 1) node.core.step({ kind: 'demand', model: x, nowMs: node.nowMs + at })
      return node.step({ kind: 'changed', name: null })
    }
    const bring = round().find((effect) => effect.kind === 'bring')!
    expect(bring).toMatchObject({ model: x, decision: { reason: 'wanted-here' } })
    node.step({ kind: 'brought', decision: bring.decision, failure: { code, message: 'it failed' } })
    expect(round().map(({ kind }) => kind)).toEqual(again)
    node.nowMs += 3_600_000
    expect(again.length > 0 || round().some(({ kind }) => kind === 'bring')).toBe(true)
  })
})

it('a model is told to be shed once it is gone', () => {
  const node = new Node()
  const decision = {
    kind: 'shed',
    model: x,
    tier: 'memory',
    reason: 'unwanted-replica',
    displaces: [],
    parts: {},
  } as const
  expect(node.step({ kind: 'left', decision, isGone: false })).toEqual([])
  expect(node.step({ kind: 'left', decision, isGone: true })).toEqual([{ kind: 'acted', decision }])
})
