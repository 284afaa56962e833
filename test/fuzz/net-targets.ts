/** What other nodes send: calls, entries of the ledger, summaries, news of fetches, messages of bulk connections, inference. */
import { HoldfastError, type Prng, toBlobId } from '../../common/index.ts'
import { sumCount } from '../../core/cluster/version.ts'
import type { Entry } from '../../core/index.ts'
import {
  createEntrySigner,
  decodeCbor,
  decodeEntries,
  decodeProgress,
  decodeVersionSummary,
  encodeCbor,
  encodeEntries,
  encodeProgress,
  encodeVersionSummary,
  Identity,
} from '../../node/net/index.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeFailure, encodeRequest } from '../../node/net/rpc-frames.ts'
import {
  decodeInferAnswer,
  decodeInferRequest,
  encodeInferAnswer,
  encodeInferRequest,
} from '../../node/requests/infer-codec.ts'
import { decodeChunkRequest, decodeFailure, encodeChunkRequest } from '../../node/transfer/bulk/messages.ts'
import { mutateBytes, mutateValue } from './mutate.ts'
import type { FuzzTarget } from './target.ts'

const digest = (byte: number) => byte.toString(16).padStart(2, '0').repeat(32)
const codes = ['PEER_PROTOCOL'] as const

/** Half of the inputs are CBOR again, so that they get behind its grammar. */
function changeCbor(seed: Uint8Array, prng: Prng): Uint8Array {
  if (prng.chance(1, 2)) return mutateBytes(seed, prng)
  return encodeCbor(mutateValue(decodeCbor(seed, 'seed'), prng))
}

export async function netTargets(): Promise<FuzzTarget[]> {
  const author = await Identity.generate()
  return [...callTargets(), ...(await gossipTargets(author)), ...bulkTargets(author.node), ...inferTargets()]
}

function callTargets(): FuzzTarget[] {
  const common = { codes, change: changeCbor }
  const error = new HoldfastError('OVERLOADED', 'Too much.')
  return [
    {
      ...common,
      name: 'request of a call',
      seeds: [encodeRequest({ method: 'infer', payload: Uint8Array.of(1, 2, 3) })],
      parse: decodeRequest,
      write: encodeRequest,
    },
    {
      ...common,
      name: 'answer of a call',
      seeds: [encodeAnswer(Uint8Array.of(1)), encodeFailure(error, { isLast: true })],
      parse: decodeAnswer,
    },
  ]
}

async function gossipTargets(author: Identity): Promise<FuzzTarget[]> {
  const sign = createEntrySigner({ self: author.node, sign: (bytes) => author.sign(bytes) })
  const entries = entriesOf(author.node).map(sign)
  const other = (await Identity.generate()).node
  const items = [author.node, other].map((node) => ({ node, kind: 'state' as const, epoch: 7, sequence: 9 }))
  const sums = Array.from({ length: sumCount }, (_, at) => at)
  const range = { after: null, through: author.node }
  return [
    {
      name: 'entries of the ledger',
      codes,
      seeds: [encodeEntries(entries), ...entries.map((entry) => encodeEntries([entry]))],
      change: (seed, prng) => changeEntries(seed, prng, author),
      parse: (bytes) => decodeEntries(bytes),
      write: encodeEntries,
    },
    {
      name: 'summary of versions',
      codes,
      change: changeCbor,
      seeds: [
        encodeVersionSummary({ items, range, wantsSummary: true }),
        encodeVersionSummary({ items: [], range, sums, wantsSummary: true }),
        encodeVersionSummary({ items, groups: [1, 2], wantsSummary: false }),
      ],
      parse: (bytes) => decodeVersionSummary(bytes),
    },
  ]
}

function entriesOf(node: string): Entry[] {
  const room = { freeBytes: 10, limitBytes: 20 }
  const state = {
    zone: 'shop',
    protocolVersion: 1,
    addresses: ['/ip4/10.0.0.1/tcp/4001'],
    bulkAddress: '10.0.0.1:4002',
    httpUrl: 'http://10.0.0.1:8080',
    queueMs: 1.5,
    tiers: { memory: room, disk: room },
    draining: false,
    name: 'till-7',
    pins: [{ name: 'acme/x:latest', replicaCount: 2, tier: 'memory', changedMs: 5, by: node }],
  }
  const bodies = {
    state,
    residency: { models: [{ model: digest(1), tier: 'memory', sizeBytes: 5 }], fetching: [digest(2)] },
    demand: { rates: [{ model: digest(1), ratePerS: 0.5 }] },
    suspicion: { suspects: [{ node, epoch: 1, sequence: 2 }] },
  }
  return Object.entries(bodies).map(([kind, body]) => ({ kind, node, epoch: 1, sequence: 2, body }) as Entry)
}

/** A member signs what it likes: half of the inputs have a right signature below a wrong body. */
function changeEntries(seed: Uint8Array, prng: Prng, author: Identity): Uint8Array {
  if (prng.chance(1, 2)) return changeCbor(seed, prng)
  const [version, [envelope, ...rest]] = decodeCbor(seed, 'seed') as [number, Uint8Array[]]
  const body = (decodeCbor(envelope!, 'seed') as unknown[])[1] as Uint8Array
  const changed = encodeCbor(mutateValue(decodeCbor(body, 'seed'), prng))
  const signature = author.sign(Buffer.concat([Buffer.from('holdfast/1 entry\0'), changed]))
  return encodeCbor([version, [encodeCbor([1, changed, signature]), ...rest]])
}

function bulkTargets(node: string): FuzzTarget[] {
  const context = { tenant: 'till', deadlineMs: 1000 }
  const place = { file: digest(3), chunk: digest(4), offsetBytes: 8, sizeBytes: 16, context }
  const ranges = [{ blob: toBlobId(digest(5)), ranges: [0, 3, 7, 9] }]
  const asks = [
    { blob: digest(5), index: 3, node },
    { blob: digest(5), index: 4, node: null },
  ]
  const progress = { model: digest(6), sequence: 4, lacks: ranges, got: ranges, asks, wantsAll: false }
  const common = { codes, change: changeCbor }
  return [
    {
      ...common,
      name: 'request of a chunk',
      seeds: [
        encodeChunkRequest({ ...place, blob: toBlobId(digest(5)) }),
        encodeChunkRequest({ ...place, blob: null, context: { tenant: '', deadlineMs: Number.POSITIVE_INFINITY } }),
      ],
      parse: decodeChunkRequest,
      write: encodeChunkRequest,
    },
    {
      ...common,
      name: 'failure of a chunk',
      seeds: [encodeCbor({ code: 'NO_SOURCE', message: 'It is gone.' })],
      parse: decodeFailure,
    },
    {
      ...common,
      name: 'news of a fetch',
      seeds: [encodeProgress(progress), encodeProgress({ ...progress, lacks: null, wantsAll: true })],
      parse: (bytes) => decodeProgress(bytes),
      write: encodeProgress,
    },
  ]
}

function inferTargets(): FuzzTarget[] {
  const tensors = [{ name: 'x', datatype: 'FP32' as const, shape: [1, 2], data: new Uint8Array(8) }]
  const context = { tenant: 'till', deadlineMs: 900 }
  const message = { model: digest(7), name: 'acme/x', context, inputs: tensors, outputs: ['y'], requestId: 'r-1' }
  const { requestId, ...without } = message
  const common = { codes, change: changeCbor }
  return [
    {
      ...common,
      name: 'forwarded inference',
      seeds: [encodeInferRequest(message), encodeInferRequest({ ...without, outputs: null })],
      parse: decodeInferRequest,
      write: encodeInferRequest,
    },
    {
      ...common,
      name: 'answer of an inference',
      seeds: [encodeInferAnswer({ outputs: tensors, omittedOutputs: ['z'] })],
      parse: decodeInferAnswer,
      write: encodeInferAnswer,
    },
  ]
}
