/** Members: they hold the cluster key and lie. Made of the network parts of a node. */
import { randomBytes } from 'node:crypto'
import { byTier, isHoldfastError } from '../../../common/index.ts'
import type { EntryBodies, EntryKind, StateBody } from '../../../core/index.ts'
import {
  ClusterKey,
  createEntrySigner,
  createLibp2pNetwork,
  encodeEntries,
  Identity,
  type Libp2pNetwork,
} from '../../../node/net/index.ts'
import { systemClock } from '../../../node/system/index.ts'
import type { AttackFacts, HostileCase } from '../types.ts'
import { repeat } from './repeat.ts'

const members = { who: 'member', origin: 'folder' } as const
const modelsPerNode = 4_096
/** The attacker's own limits, which let every attack leave it. */
const attackBytesMax = 2 ** 30

export const memberCases: readonly HostileCase[] = [
  {
    ...members,
    name: 'invented-nodes',
    does: 'invents nodes without end, each of which holds 4,096 models',
    rssBudgetMb: 256,
    attack: async (facts) => {
      const network = await join(facts)
      const invent = async (): Promise<void> => {
        const node = await Identity.generate()
        const models = Array.from({ length: modelsPerNode }, () => randomBytes(32).toString('hex')).sort()
        const resident = models.map((model) => ({ model, tier: 'memory' as const, sizeBytes: 1 }))
        await say(network, facts, node, 'state', state([]))
        await say(network, facts, node, 'residency', { models: resident })
      }
      await invent()
      repeat(invent)
    },
  },
  {
    ...members,
    name: 'lying-suspicion',
    does: 'tells the other node, again and again, that the victim is dead',
    rssBudgetMb: 64,
    attack: async (facts) => {
      const network = await join(facts)
      const liar = await Identity.generate()
      await say(network, facts, liar, 'state', state([]))
      const suspects = [{ node: facts.victim, epoch: Date.now() * 2, sequence: 1 }]
      const lie = () => say(network, facts, liar, 'suspicion', { suspects })
      await lie()
      repeat(lie)
    },
  },
  {
    ...members,
    name: 'invalidate-flood',
    does: 'calls `invalidate` for names that do not exist, as fast as it is answered',
    rssBudgetMb: 64,
    attack: async (facts) => {
      const network = await join(facts)
      let count = 0
      const invalidate = async () => {
        count += 1
        const payload = Buffer.from(JSON.stringify({ name: `nobody/m${count}`, ref: null }))
        await network.call(facts.victim, 'invalidate', payload)
      }
      for (let at = 0; at < 32; at += 1) repeat(invalidate)
    },
  },
  {
    ...members,
    name: 'malformed-calls',
    does: 'sends 60 MB of `{},` and as many empty maps in CBOR, as calls of every method, as fast as it is answered',
    rssBudgetMb: 384,
    attack: async (facts) => {
      const network = await join(facts)
      const payloads = [Buffer.from(`[${'{},'.repeat(20_000_000)}{}]`), emptyMaps(60_000_000)]
      const methods = ['invalidate', 'infer', 'entries', 'digest', 'progress', 'ref', 'manifest', 'take']
      let count = 0
      const call = async () => {
        const payload = payloads[count % payloads.length]!
        const method = methods[Math.floor(count / payloads.length) % methods.length]!
        count += 1
        await network.call(facts.victim, method, payload)
      }
      // Its own part must let it pass: what never leaves the attacker is no attack.
      await call().catch((error: unknown) => {
        if (isHoldfastError(error, 'REQUEST_TOO_LARGE')) process.exit(1)
      })
      repeat(call)
    },
  },
]

async function join(facts: AttackFacts): Promise<Libp2pNetwork> {
  const [identity, clusterKey] = [await Identity.generate(), ClusterKey.parse(facts.clusterKey)]
  const network = await createLibp2pNetwork(
    { identity, clusterKey, clock: systemClock },
    { rpc: { requestBytes: attackBytesMax } },
  )
  const nothing = () => undefined
  await network.start({
    onPeerUp: nothing,
    onPeerDown: nothing,
    onMessage: () => true,
    isMember: () => true,
    onRefused: nothing,
  })
  await network.dial(facts.clusterAddress)
  return network
}

/** A list of so many empty maps in CBOR (RFC 8949): 0x9a and its length, then 0xa0 for each. */
function emptyMaps(count: number): Buffer {
  const bytes = Buffer.alloc(5 + count, 0xa0)
  bytes[0] = 0x9a
  bytes.writeUInt32BE(count, 1)
  return bytes
}

/** An entry as its author signs it, told to the victim, which passes it on. */
async function say<K extends EntryKind>(
  network: Libp2pNetwork,
  { victim }: AttackFacts,
  author: Identity,
  kind: K,
  body: EntryBodies[K],
): Promise<void> {
  const sign = createEntrySigner({ self: author.node, sign: (bytes) => author.sign(bytes) })
  const entry = { kind, node: author.node, epoch: 1, sequence: nextSequence(), body }
  await network.call(victim, 'entries', encodeEntries([sign(entry as Parameters<typeof sign>[0])]))
}

let sequence = 0
function nextSequence(): number {
  sequence += 1
  return sequence
}

function state(addresses: readonly string[]): StateBody {
  const said = {
    zone: 'default',
    protocolVersion: 1,
    addresses,
    bulkAddress: '',
    httpUrl: '',
    queueMs: 0,
    tiers: byTier(() => ({ freeBytes: 0, limitBytes: 0 })),
    draining: false,
  }
  // An attacker leaves out what it likes.
  return said as StateBody
}
