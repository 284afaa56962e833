/** Headers near the border between well-formed and not: whole files, broken in one or two small ways. */
import { createPrng, type Prng } from '../../common/index.ts'
import { GgufBytes } from '../origin/chunking/gguf-bytes.ts'
import { safetensorsOf } from '../origin/fixture.ts'

export interface MutatedFile {
  readonly path: string
  readonly bytes: Buffer
}

const tensor = (dtype: string, shape: string, begin: number, end: number): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`

/** With what safetensors 0.8 does with each, as far as docs/reference/headers.md names no difference. */
const safetensorsSeeds: readonly (readonly [header: string, dataBytes: number, isRead: boolean])[] = [
  ['{}', 0, true],
  ['{"__metadata__":{"format":"pt"}}', 0, true],
  ['{"__metadata__":null}', 0, true],
  ['{"__metadata__":{"a":"b","a":"c"}}', 0, false],
  ['{"__metadata__":{"n":1}}', 0, false],
  [`{"a":${tensor('F32', '[2,2]', 0, 16)}}`, 16, true],
  [`{"a":${tensor('F32', '[4.0]', 0, 16)}}`, 16, false],
  [`{"a":${tensor('f32', '[4]', 0, 16)}}`, 16, false],
  [`{"a":${tensor('X9', '[3]', 0, 16)}}`, 16, true],
  [`{"a":${tensor('F4', '[3]', 0, 2)}}`, 2, false],
  [`{"a":${tensor('U8', '[9007199254740992,0]', 0, 0)}}`, 0, false],
  [`{"a":${tensor('U8', '[1099511627776,1099511627776,0]', 0, 0)}}`, 0, false],
  [`{"a":${tensor('U8', `[${Array(17).fill(1)}]`, 0, 1)}}`, 1, false],
  [`{"a":${tensor('F32', '[2]', 0, 8)},"a":${tensor('F32', '[2]', 8, 16)}}`, 16, false],
  [`{"a":${tensor('F32', '[2]', 0, 8)},"\\u0061":${tensor('F32', '[2]', 8, 16)}}`, 16, false],
  [
    `{"a":${tensor('F32', '[2]', 0, 8)},"\\ud83d\\ude00":${tensor('F16', '[0]', 8, 8)},"b":${tensor('F32', '[2]', 8, 16)}}`,
    16,
    true,
  ],
  [`{"a":${tensor('F32', '[1]', 0, 4)},"b":${tensor('F32', '[1]', 12, 16)}}`, 16, false],
  [`{"a":${tensor('F32', '[4]', 0, 16)}}`, 24, false],
  [`\ufeff{"a":${tensor('F32', '[4]', 0, 16)}}`, 16, false],
  [` {"a":${tensor('F32', '[4]', 0, 16)}}`, 16, false],
  [`{"a":${tensor('F32', '[4]', 0, 16)}} \n\t `, 16, true],
  [`{"a":${tensor('F32', '[4]', 0, 16)}}\0\0`, 16, false],
  [`{"__proto__":${tensor('F32', '[4]', 0, 16)}}`, 16, true],
  [`{"":${tensor('F32', '[4]', 0, 16)}}`, 16, true],
  [`{"a\\u0000b":${tensor('F32', '[4]', 0, 16)}}`, 16, false],
  [`{"${'n'.repeat(1025)}":${tensor('F32', '[4]', 0, 16)}}`, 16, false],
  [`{"${'\u6a21'.repeat(341)}":${tensor('F32', '[4]', 0, 16)}}`, 16, true],
  [`{"${'\u6a21'.repeat(342)}":${tensor('F32', '[4]', 0, 16)}}`, 16, false],
  [`{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, false],
  [`{"a":{"x":${'['.repeat(125)}${']'.repeat(125)},"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, true],
  [`{"a":{"x":${'['.repeat(126)}${']'.repeat(126)},"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, false],
  [`{"a":{"x":[1e5,-0.5,true,null,{"y":"\\n"}],"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, true],
]

const start = (options?: Parameters<GgufBytes['start']>[0]): GgufBytes => new GgufBytes().start(options)
const llama = (tensors: number): GgufBytes =>
  start({ tensors, pairs: 1 }).text('general.architecture').u32(8).text('llama')
/** Of several pairs with this key the first counts. */
const alignments = (...bytes: number[]): GgufBytes =>
  bytes.reduce((g, value) => g.text('general.alignment').u32(4).u32(value), start({ tensors: 1, pairs: bytes.length }))
const ggufSeeds: readonly (readonly [file: GgufBytes, isRead: boolean])[] = [
  [start(), true],
  [llama(1).tensor('a', [8], 0, 0).align(32).zeros(32), true],
  [llama(1).tensor('a', [8], 0, 0).align(32).zeros(1000), true],
  [llama(1).tensor('a', [], 0, 0).align(32).zeros(4), true],
  [llama(2).tensor('a', [8], 0, 0).tensor('a', [8], 0, 32).align(32).zeros(64), false],
  [llama(2).tensor('q', [256], 137, 0).tensor('p', [0], 0, 0).align(32).zeros(64), true],
  [llama(2).tensor('z', [0], 0, 0).tensor('q', [32], 31, 0).align(32).zeros(64), true],
  [llama(1).tensor('a', [48, 2], 2, 0).align(32).zeros(64), false],
  [llama(2).tensor('a', [1], 0, 0).tensor('b', [1], 0, 4).align(32).zeros(32), false],
  [alignments(64, 8).tensor('a', [8], 0, 64).align(64).zeros(128), true],
  [alignments(33).tensor('a', [8], 0, 0).align(32).zeros(32), false],
  [start({ pairs: 1 }).text('s').u32(9).u32(8).u64(2).text('x').text('y'), true],
  [start({ version: 1 }), false],
]

export const headerSeeds: readonly (MutatedFile & { readonly isRead: boolean })[] = [
  ...safetensorsSeeds.map(([header, bytes, isRead]) => ({
    path: 'a.safetensors',
    bytes: safetensorsOf(header, Buffer.alloc(bytes)),
    isRead,
  })),
  ...ggufSeeds.map(([file, isRead]) => ({ path: 'a.gguf', bytes: file.build(), isRead })),
]

/** `count` of the seeds, each with a byte changed, a run doubled or lost, something put in, or the end cut off. */
export function* mutatedHeaders(seed: number, count: number): Generator<MutatedFile> {
  const prng = createPrng(seed)
  for (let i = 0; i < count; i++) {
    const { path, bytes: original } = headerSeeds[i % headerSeeds.length]!
    let bytes = mutated(original, prng)
    if (prng.chance(1, 3)) bytes = mutated(bytes, prng)
    yield { path, bytes: path === 'a.safetensors' && prng.chance(3, 4) ? relengthened(bytes, original) : bytes }
  }
}

const splices = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '0',
  '9',
  '.',
  'e1',
  '-',
  ' ',
  '\0',
  '\ufeff',
  '\u00e9',
  '\xff',
  'null',
  '\\ud800',
]

function mutated(bytes: Buffer, prng: Prng): Buffer {
  if (bytes.length === 0) return Buffer.from([prng.int(256)])
  const at = prng.int(bytes.length)
  const run = 1 + prng.int(12)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (prng.int(6)) {
    case 0: {
      const copy = Buffer.from(bytes)
      copy[at] = prng.int(256)
      return copy
    }
    case 1:
      return Buffer.concat([before, after.subarray(0, run), after])
    case 2:
      return Buffer.concat([before, after.subarray(run)])
    case 3:
      return Buffer.concat([before])
    default: {
      const splice = splices[prng.int(splices.length)]!
      const inserted = Buffer.from(splice, splice === '\xff' ? 'latin1' : 'utf8')
      return Buffer.concat([before, inserted, after.subarray(prng.int(2))])
    }
  }
}

/** With the length of the JSON put right, so that the mutation is met by the parser and not by the length. */
function relengthened(bytes: Buffer, original: Buffer): Buffer {
  if (bytes.length < 8) return bytes
  const copy = Buffer.from(bytes)
  const jsonBytes = original.readBigUInt64LE() + BigInt(bytes.length - original.length)
  copy.writeBigUInt64LE(jsonBytes < 0n ? 0n : jsonBytes)
  return copy
}
