/**
 * The bodies of entries on the wire. Model ids travel as 32 raw bytes, lists as columns: a residency of a thousand models takes
 * 38 KB instead of 110 KB of JSON. Keys that this version does not know are ignored, so that a later one can add some.
 */

import { type ModelId, tiers, tierTable } from '../../common/index.ts'
import {
  type DemandBody,
  type Entry,
  type EntryKind,
  type ResidencyBody,
  type SuspicionBody,
  tiersToFields,
} from '../../core/index.ts'
import { isBytes, isCount, isPlainMap, malformed, type PlainMap } from './cbor.ts'
import { nodeOfPublicKey, publicKeyBytes, publicKeyOfNode } from './node-id.ts'

const digestBytes = 32

export function encodeBody(entry: Entry): PlainMap {
  switch (entry.kind) {
    case 'state': {
      const { tiers: rooms, ...body } = entry.body
      return { ...body, ...tiersToFields(rooms), addresses: [...body.addresses] }
    }
    case 'residency':
      return encodeResidency(entry.body)
    case 'demand':
      return {
        models: packDigests(entry.body.rates.map((rate) => rate.model)),
        rates: entry.body.rates.map((rate) => rate.ratePerS),
      }
    case 'suspicion':
      return {
        nodes: packNodes(entry.body.suspects.map((suspect) => suspect.node)),
        epochs: entry.body.suspects.map((suspect) => suspect.epoch),
        sequences: entry.body.suspects.map((suspect) => suspect.sequence),
      }
  }
}

/** From columns to rows. Which values they may hold is checked with the whole entry (core/cluster/entry-check.ts). */
export function decodeBody(kind: EntryKind, value: unknown): unknown {
  if (!isPlainMap(value)) throw malformed('entry', 'its body is no map')
  switch (kind) {
    case 'state':
      return value
    case 'residency':
      return decodeResidency(value)
    case 'demand':
      return decodeDemand(value)
    case 'suspicion':
      return decodeSuspicion(value)
  }
}

function encodeResidency(body: ResidencyBody): PlainMap {
  return {
    models: packDigests(body.models.map((resident) => resident.model)),
    tiers: Uint8Array.from(body.models, (resident) => tierTable[resident.tier].wireNumber),
    sizes: body.models.map((resident) => resident.sizeBytes),
    ...(body.fetching === undefined ? {} : { fetching: packDigests(body.fetching) }),
  }
}

function decodeResidency(value: PlainMap): ResidencyBody {
  const models = unpackDigests(value.models)
  const tierBytes = value.tiers
  const sizes = numbers(value.sizes, models.length)
  if (!isBytes(tierBytes, models.length)) throw malformed('entry', 'tiers and models differ in number')
  const residents = models.flatMap((model, index) => {
    const tier = tiers.find((one) => tierTable[one].wireNumber === tierBytes[index])
    // A tier of a later version: we could not judge what it is worth.
    return tier === undefined ? [] : [{ model, tier, sizeBytes: sizes[index] as number }]
  })
  return value.fetching === undefined
    ? { models: residents }
    : { models: residents, fetching: unpackDigests(value.fetching) }
}

function decodeDemand(value: PlainMap): DemandBody {
  const models = unpackDigests(value.models)
  const rates = numbers(value.rates, models.length)
  return { rates: models.map((model, index) => ({ model, ratePerS: rates[index] as number })) }
}

function decodeSuspicion(value: PlainMap): SuspicionBody {
  const nodes = unpackNodes(value.nodes)
  const epochs = numbers(value.epochs, nodes.length)
  const sequences = numbers(value.sequences, nodes.length)
  return {
    suspects: nodes.map((node, index) => ({
      node,
      epoch: epochs[index] as number,
      sequence: sequences[index] as number,
    })),
  }
}

function packDigests(models: readonly ModelId[]): Uint8Array {
  return Buffer.from(models.join(''), 'hex')
}

function unpackDigests(value: unknown): ModelId[] {
  return columns(value, digestBytes).map((bytes) => bytes.toString('hex'))
}

export function packNodes(nodes: readonly string[]): Uint8Array {
  return Buffer.concat(
    nodes.map((node) => {
      const raw = publicKeyOfNode(node)
      if (raw === null) throw new Error(`${node} is no node id`)
      return raw
    }),
  )
}

export function unpackNodes(value: unknown): string[] {
  return columns(value, publicKeyBytes).map((raw) => {
    const node = nodeOfPublicKey(raw)
    if (node === null) throw malformed('entry', 'it names a node that is no Ed25519 key')
    return node
  })
}

function columns(value: unknown, widthBytes: number): Buffer[] {
  if (!isBytes(value) || value.byteLength % widthBytes !== 0) throw malformed('entry', 'a list of ids is cut off')
  const all = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return Array.from({ length: all.byteLength / widthBytes }, (_, index) =>
    all.subarray(index * widthBytes, (index + 1) * widthBytes),
  )
}

function numbers(value: unknown, count: number): number[] {
  if (!Array.isArray(value) || value.length !== count) throw malformed('entry', 'its columns differ in length')
  if (!value.every((item) => typeof item === 'number'))
    throw malformed('entry', 'a column holds something else than numbers')
  return value
}

export function counts(value: unknown, count: number): number[] {
  const list = numbers(value, count)
  if (!list.every(isCount)) throw malformed('entry', 'a column holds something else than counts')
  return list
}
