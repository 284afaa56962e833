/** Ids inside entries: model ids travel as 32 raw bytes each, node ids as their public keys. */

import type { IdPacker } from '../../core/index.ts'
import { isBytes, isCount, malformed } from './cbor.ts'
import { nodeOfPublicKey, publicKeyBytes, publicKeyOfNode } from './node-id.ts'

const digestBytes = 32

export const entryIds: IdPacker = { packNodes, unpackNodes, packDigests, unpackDigests }

function packDigests(models: readonly string[]): Uint8Array {
  return Buffer.from(models.join(''), 'hex')
}

function unpackDigests(value: unknown): string[] {
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

export function counts(value: unknown, count: number): number[] {
  if (!Array.isArray(value) || value.length !== count) throw malformed('entry', 'its columns differ in length')
  if (!value.every(isCount)) throw malformed('entry', 'a column holds something else than counts')
  return value
}
