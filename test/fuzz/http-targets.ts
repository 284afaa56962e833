/** Bodies of inference requests, which anybody may send: JSON, and tensors in bytes behind it. */
import type { Prng } from '../../common/index.ts'
import { parseModelPath } from '../../node/doors/http/index.ts'
import { splitBody } from '../../node/doors/open-inference/binary-parts.ts'
import { defaultInferLimits } from '../../node/doors/open-inference/infer-limits.ts'
import { type InferRequest, parseInferRequest } from '../../node/doors/open-inference/infer-request.ts'
import { elementCount } from '../../node/runtime/datatypes.ts'
import { mutateBytes, mutateValue } from './mutate.ts'
import type { FuzzTarget } from './target.ts'

/** The length of the JSON stands before the body, as it is a header. */
const lengthBytes = 4

const requests: readonly { readonly body: object; readonly binary: Uint8Array }[] = [
  {
    body: {
      id: 'r',
      inputs: [
        {
          name: 'x',
          shape: [2, 2],
          datatype: 'FP32',
          data: [
            [1, 2.5],
            [-3e2, 0],
          ],
        },
        { name: 's', shape: [2], datatype: 'BYTES', data: ['a', 'ü\n'] },
        { name: 'b', shape: [3], datatype: 'BOOL', data: [true, false, true] },
        { name: 'n', shape: [1], datatype: 'INT64', data: [Number.MAX_SAFE_INTEGER] },
      ],
      outputs: [{ name: 'y', parameters: { binary_data: true } }],
    },
    binary: new Uint8Array(),
  },
  {
    body: {
      inputs: [
        { name: 'x', shape: [2], datatype: 'FP32', parameters: { binary_data_size: 8 } },
        { name: 's', shape: [1], datatype: 'BYTES', parameters: { binary_data_size: 5 } },
      ],
      parameters: { binary_data_output: true },
    },
    binary: Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64, 1, 0, 0, 0, 97),
  },
]

export function httpTargets(): FuzzTarget[] {
  return [
    {
      name: 'body of an inference',
      codes: ['BAD_REQUEST', 'REQUEST_TOO_LARGE'],
      seeds: requests.map(({ body, binary }) => framed(JSON.stringify(body), binary)),
      change: changeBody,
      parse: (bytes) => parseBody(Buffer.from(bytes)),
      check: checkRequest,
    },
    {
      name: 'path of a model',
      codes: ['BAD_MODEL_NAME', 'BAD_REQUEST', 'UNKNOWN_ROUTE'],
      seeds: ['acme%2Fx', 'acme/x:v3/infer', 'acme/x/versions/v3/infer'].map((path) => Buffer.from(path)),
      change: mutateBytes,
      parse: (bytes) => parseModelPath(Buffer.from(bytes).toString('latin1'), new Set(['infer'])),
    },
  ]
}

function framed(json: string, binary: Uint8Array): Uint8Array {
  const text = Buffer.from(json)
  const head = Buffer.alloc(lengthBytes)
  head.writeUInt32LE(text.length)
  return Buffer.concat([head, text, binary])
}

function changeBody(seed: Uint8Array, prng: Prng): Uint8Array {
  const bytes = Buffer.from(seed)
  if (prng.chance(1, 3)) return mutateBytes(bytes, prng)
  const end = lengthBytes + bytes.readUInt32LE(0)
  const json = bytes.toString('utf8', lengthBytes, end)
  if (prng.chance(1, 2)) return framed(mutateBytes(Buffer.from(json), prng).toString(), bytes.subarray(end))
  const changed = JSON.stringify(mutateValue(JSON.parse(json), prng), null, prng.chance(1, 4) ? 2 : 0) ?? 'null'
  return framed(changed, bytes.subarray(end))
}

function parseBody(bytes: Buffer): InferRequest {
  const length = bytes.length < lengthBytes ? undefined : String(bytes.readUInt32LE(0))
  const { json, binary } = splitBody(bytes.subarray(lengthBytes), length)
  const steps = parseInferRequest(json, binary, defaultInferLimits)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** A body that is taken is JSON for everybody, has the elements that its shape says, and each tensor once. */
function checkRequest({ inputs, outputs = [] }: InferRequest, bytes: Uint8Array): void {
  const buffer = Buffer.from(bytes)
  const end = lengthBytes + buffer.readUInt32LE(0)
  const value = JSON.parse(buffer.toString('utf8', lengthBytes, end).replace(/^\ufeff/, '')) as {
    inputs: { name: string }[]
  }
  const names = value.inputs.map(({ name }) => name)
  if (names.join('\0') !== inputs.map(({ name }) => name).join('\0')) throw new Error('other inputs than JSON has')
  for (const list of [names, outputs]) if (new Set(list).size !== list.length) throw new Error('a name stands twice')
  for (const { datatype, shape, data } of inputs) {
    const count = elementCount(shape)
    const sizeBytes = fixedBytes[datatype]
    if (sizeBytes !== undefined && (data as Uint8Array).byteLength !== count * sizeBytes)
      throw new Error(`${datatype} of ${shape} has ${(data as Uint8Array).byteLength} bytes`)
  }
}

const fixedBytes: Readonly<Record<string, number | undefined>> = {
  BOOL: 1,
  INT8: 1,
  UINT8: 1,
  INT16: 2,
  UINT16: 2,
  FP16: 2,
  BF16: 2,
  INT32: 4,
  UINT32: 4,
  FP32: 4,
  INT64: 8,
  UINT64: 8,
  FP64: 8,
}
