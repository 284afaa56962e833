/** A node's core with short ways to say what happens to it, on a clock moved by hand. */

import { createHash } from 'node:crypto'
import { createPrng } from '../../common/prng.ts'
import type { ModelId, NodeId } from '../../common/types.ts'
import { toBlobId } from '../../common/types.ts'
import type {
  ChunkFailure,
  ChunkSource,
  Effect,
  Entry,
  EntryBodies,
  EntryKind,
  Event,
  FetchChunk,
  ResidentModel,
  SignedEntry,
  StateBody,
} from '../../core/events.ts'
import { NodeCore, type NodeCorePorts } from '../../core/index.ts'
import { defaultNodeCoreOptions, type NodeCoreOptions } from '../../core/options.ts'

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
export type TimelessEvent = DistributiveOmit<Event, 'nowMs'>
export type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>

export const stateBody = (over: Partial<StateBody> = {}): StateBody => ({
  zone: 'berlin',
  protocolVersion: 1,
  addresses: ['/ip4/10.0.0.1/tcp/4001'],
  bulkAddress: '10.0.0.1:4002',
  httpUrl: 'http://10.0.0.1:8080',
  queueMs: 0,
  tiers: {
    memory: { freeBytes: 1_000_000_000, limitBytes: 1_000_000_000 },
    disk: { freeBytes: 10_000_000_000, limitBytes: null },
  },
  draining: false,
  ...over,
})

/** A digest for a name; tests need it to be stable and distinct, not secure. */
export const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

export const chunksOf = (name: string, count: number, sizeBytes = 1_000_000): FetchChunk[] =>
  Array.from({ length: count }, (_, index) => ({
    blob: toBlobId(digest(`${name} blob`)),
    file: digest(`${name} file`),
    index,
    sha256: digest(`${name}/${index} of ${count}`),
    offsetBytes: index * sizeBytes,
    sizeBytes,
  }))

export const sign = (entry: Entry): SignedEntry => ({ entry, envelope: null })

export const resident = (model: ModelId, over: Partial<ResidentModel> = {}): ResidentModel => ({
  model,
  tier: 'memory',
  sizeBytes: 1_000_000,
  ...over,
})

/** An entry of another node; sequences rise on their own. */
let sequence = 0
export function entryOf<K extends EntryKind>(
  kind: K,
  node: NodeId,
  body: EntryBodies[K],
  version: { epoch?: number; sequence?: number } = {},
): SignedEntry {
  sequence += 1
  const entry = { kind, node, epoch: version.epoch ?? 1, sequence: version.sequence ?? sequence, body } as Entry
  return sign(entry)
}

export class CoreFixture {
  readonly core: NodeCore
  nowMs = 1_000

  constructor(
    options: { self?: NodeId; seed?: number; core?: Partial<NodeCoreOptions>; ports?: Partial<NodeCorePorts> } = {},
  ) {
    const random = createPrng(options.seed ?? 1)
    this.core = new NodeCore(
      { self: options.self ?? 'self', epoch: 1, sign, random, ...options.ports },
      { ...defaultNodeCoreOptions, ...options.core },
    )
  }

  step(event: TimelessEvent): readonly Effect[] {
    const effects = this.core.step({ ...event, nowMs: this.nowMs } as Event)
    this.core.checkInvariants()
    return effects
  }

  /** Moves the clock in ticks of 100 ms and returns all effects on the way. */
  pass(elapsedMs: number): Effect[] {
    const effects: Effect[] = []
    for (const endMs = this.nowMs + elapsedMs; this.nowMs < endMs; ) {
      this.nowMs = Math.min(endMs, this.nowMs + 100)
      effects.push(...this.step({ kind: 'tick' }))
    }
    return effects
  }

  /** A connected peer with these models, known by gossip. */
  peer(node: NodeId, models: readonly ModelId[], state: Partial<StateBody> = {}): Effect[] {
    const effects = this.step({ kind: 'peer-up', node })
    const body = { models: [...models].sort().map((model) => resident(model)) }
    const entries = [entryOf('state', node, stateBody(state)), entryOf('residency', node, body)]
    return [...effects, ...this.step({ kind: 'entries', from: node, entries })]
  }

  fetch(model: ModelId, chunks: readonly FetchChunk[], originAllowed = true): readonly Effect[] {
    const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
    return this.step({ kind: 'fetch', model, chunks, context, originAllowed })
  }

  done(asked: EffectOf<'get-chunk'>, elapsedMs = 10): readonly Effect[] {
    const { model, chunk, source } = asked
    const { sha256, sizeBytes } = chunk
    return this.step({ kind: 'chunk-done', model, chunk: sha256, source, sizeBytes, elapsedMs })
  }

  failed(asked: EffectOf<'get-chunk'>, failure: ChunkFailure): readonly Effect[] {
    const { model, chunk, source } = asked
    return this.step({ kind: 'chunk-failed', model, chunk: chunk.sha256, source, failure })
  }
}

export function only<K extends Effect['kind']>(effects: readonly Effect[], kind: K): EffectOf<K>[] {
  return effects.filter((effect): effect is EffectOf<K> => effect.kind === kind)
}

export const nameOf = (source: ChunkSource): string => (source.kind === 'peer' ? source.node : 'origin')
