/** Requests between nodes that know blob ids and nodes of before, which know a file by its sha256 alone. */
import { describe, expect, test } from 'vitest'
import { toBlobId } from '../../../../common/types.ts'
import { decodeCbor, encodeCbor } from '../../../../node/net/index.ts'
import type { ChunkRequest } from '../../../../node/ports/index.ts'
import { decodeChunkRequest, encodeChunkRequest } from '../../../../node/transfer/bulk/messages.ts'

const request: ChunkRequest = {
  blob: toBlobId('1a'.repeat(32)),
  file: '2b'.repeat(32),
  chunk: '3c'.repeat(32),
  offsetBytes: 8_388_608,
  sizeBytes: 5,
  context: { tenant: 'team-a', deadlineMs: 100 },
}

describe('a request for a chunk', () => {
  test.each([0, 12.5])('says by when it is needed first: %d', (dueMs) => {
    const urgent = { ...request, context: { ...request.context, dueMs } }
    expect(decodeChunkRequest(encodeChunkRequest(urgent))).toEqual(urgent)
  })

  test.each([-1, 'soon', null])('with another thing there is malformed: %o', (due) => {
    const value = decodeCbor(encodeChunkRequest(request), 'request') as Record<string, unknown>
    expect(() => decodeChunkRequest(encodeCbor({ ...value, due }))).toThrowError(
      expect.objectContaining({ code: 'PEER_PROTOCOL' }),
    )
  })

  test.each([request, { ...request, blob: null }])('reads back as it was: blob $blob', (asked) => {
    expect(decodeChunkRequest(encodeChunkRequest(asked))).toEqual(asked)
  })

  test('has, for a node of before the blob id, the file where that node looks for the blob', () => {
    const value = decodeCbor(encodeChunkRequest(request), 'request') as Record<string, unknown>
    const { id, ...before } = value
    expect(Buffer.from(id as Uint8Array).toString('hex')).toBe(request.blob)
    // The fields of version 1, all of which that node checks; it leaves out the one that it does not know.
    expect(Object.keys(before).sort()).toEqual(['blob', 'chunk', 'deadline', 'offset', 'size', 'tenant'])
    expect(Buffer.from(before.blob as Uint8Array).toString('hex')).toBe(request.file)
  })

  test('of a node of before names the file alone', () => {
    const { id: _, ...before } = decodeCbor(encodeChunkRequest(request), 'request') as Record<string, unknown>
    expect(decodeChunkRequest(encodeCbor(before))).toEqual({ ...request, blob: null })
  })

  test.each([{ id: new Uint8Array(31) }, { id: 'text' }, { blob: new Uint8Array(33) }, { chunk: 7 }])(
    'with a digest of another form is malformed: %o',
    (change) => {
      const value = decodeCbor(encodeChunkRequest(request), 'request') as Record<string, unknown>
      expect(() => decodeChunkRequest(encodeCbor({ ...value, ...change }))).toThrowError(
        expect.objectContaining({ code: 'PEER_PROTOCOL' }),
      )
    },
  )
})
