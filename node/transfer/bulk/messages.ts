/** The small messages of a bulk connection: what is asked for, and why it is not given. */
import { HoldfastError, isErrorCode, isHoldfastError, toBlobId } from '../../../common/index.ts'
import { decodeCbor, encodeCbor, isBytes, isCount, isPlainMap, malformed } from '../../net/index.ts'
import type { ChunkRequest } from '../../ports/index.ts'

const digestBytes = 32
const tenantCharsMax = 256
/** Longer error texts are cut, so that a failure fits a small frame whatever it says. */
const messageCharsMax = 512

export function encodeChunkRequest(request: ChunkRequest): Uint8Array {
  const { tenant, deadlineMs, dueMs } = request.context
  return encodeCbor({
    // A node of before the blob id reads `blob`, and leaves `id` out.
    blob: Buffer.from(request.file, 'hex'),
    ...(request.blob === null ? {} : { id: Buffer.from(request.blob, 'hex') }),
    chunk: Buffer.from(request.chunk, 'hex'),
    offset: request.offsetBytes,
    size: request.sizeBytes,
    tenant,
    // CBOR between nodes has no Infinity: null is no deadline.
    deadline: Number.isFinite(deadlineMs) ? Math.max(0, deadlineMs) : null,
    ...(dueMs === undefined ? {} : { due: Math.max(0, dueMs) }),
  })
}

export function decodeChunkRequest(payload: Uint8Array): ChunkRequest {
  const value = decodeCbor(payload, 'chunk request')
  if (!isPlainMap(value)) throw malformed('chunk request', 'it is no map')
  const { blob, id = null, chunk, offset, size, tenant, deadline, due } = value
  if (!isBytes(blob, digestBytes) || !isBytes(chunk, digestBytes) || (id !== null && !isBytes(id, digestBytes)))
    throw malformed('chunk request', 'a digest is cut off')
  if (!isCount(offset) || !isCount(size)) throw malformed('chunk request', 'its range is no pair of counts')
  if (typeof tenant !== 'string' || tenant.length > tenantCharsMax)
    throw malformed('chunk request', 'its tenant has another form')
  if (deadline !== null && !(typeof deadline === 'number' && deadline >= 0))
    throw malformed('chunk request', 'its deadline is no number')
  if (due !== undefined && !(typeof due === 'number' && due >= 0))
    throw malformed('chunk request', 'the time by which it is needed is no number')
  return {
    blob: id === null ? null : toBlobId(Buffer.from(id).toString('hex')),
    file: Buffer.from(blob).toString('hex'),
    chunk: Buffer.from(chunk).toString('hex'),
    offsetBytes: offset,
    sizeBytes: size,
    context: { tenant, deadlineMs: deadline ?? Number.POSITIVE_INFINITY, ...(due === undefined ? {} : { dueMs: due }) },
  }
}

/** Only errors of the table tell their text; of a defect here a peer learns no details. */
export function encodeFailure(error: unknown): Uint8Array {
  const known = isHoldfastError(error)
  return encodeCbor({
    code: known ? error.code : 'PEER_PROTOCOL',
    message: known ? error.message.slice(0, messageCharsMax) : 'The node failed to serve the chunk; its log says why.',
  })
}

export function decodeFailure(payload: Uint8Array): HoldfastError {
  const value = decodeCbor(payload, 'failure')
  if (!isPlainMap(value) || typeof value.code !== 'string' || typeof value.message !== 'string') {
    throw malformed('failure', 'it has another form')
  }
  return new HoldfastError(
    isErrorCode(value.code) ? value.code : 'PEER_PROTOCOL',
    value.message.slice(0, messageCharsMax),
  )
}
