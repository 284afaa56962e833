import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  generateModel,
  isGeneratedModelName,
  planLlama,
  recipes,
  tinyLlama,
  tinyLlamaFineTuned,
  writeModel,
} from '../../demo/models/index.ts'
import { buildResnet50, resnet50ParameterCount, resnet50StatisticsCount } from '../../demo/models/resnet50.ts'
import { buildSqueezenet, squeezenetParameterCount } from '../../demo/models/squeezenet.ts'
import { buildTiny, tinyParameterCount } from '../../demo/models/tiny.ts'
import { buildVgg16, vgg16ParameterCount } from '../../demo/models/vgg16.ts'
import { WeightsReader, weights } from '../../demo/models/weights.ts'
import { digestsOfTensors, fromBrain, fromHalf, readGguf, readOnnx, readSafetensors } from './format-readers.ts'

// Real processes and real models on a machine that may be busy: what is slow is not what is tested here.
const mebibyte = 1024 * 1024
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-models-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('architectures have their published sizes', () => {
  test.each([
    { id: 'squeezenet1.0', build: buildSqueezenet, parameters: squeezenetParameterCount, mebibytes: 4.77 },
    {
      id: 'resnet50',
      build: buildResnet50,
      parameters: resnet50ParameterCount + resnet50StatisticsCount,
      mebibytes: 97.7,
    },
    { id: 'vgg16', build: buildVgg16, parameters: vgg16ParameterCount, mebibytes: 527.8 },
    { id: 'tiny', build: buildTiny, parameters: tinyParameterCount + 32, mebibytes: 0.096 },
  ])('$id', ({ build, parameters, mebibytes }) => {
    const net = build()
    expect(net.parameterCount).toBe(parameters)
    const sizeBytes = net
      .pieces()
      .reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.byteLength : piece.sizeBytes), 0)
    expect(sizeBytes).toBeGreaterThan(parameters * 4)
    expect(sizeBytes / mebibyte).toBeCloseTo(mebibytes, 1)
  })
})

describe('ONNX Runtime runs them', () => {
  test.each([
    { name: 'tiny', input: [3, 32, 32], output: 10, probabilities: true },
    { name: 'squeezenet1.0', input: [3, 224, 224], output: 1000, probabilities: true },
    { name: 'resnet50', input: [3, 224, 224], output: 1000, probabilities: false },
  ] as const)('$name answers a batch with finite, differing rows', async ({ name, input, output, probabilities }) => {
    const { files } = await generateModel(name, folder)
    const session = await InferenceSession.create(files[0]!)
    const [inputName] = session.inputNames
    const [outputName] = session.outputNames
    const result = await session.run({ [inputName!]: randomImage([2, ...input]) })
    const answer = result[outputName!]!
    expect(answer.dims).toEqual([2, output])
    const values = answer.data as Float32Array
    expect(values.every(Number.isFinite)).toBe(true)
    const rows = [values.subarray(0, output), values.subarray(output)]
    for (const row of rows) {
      expect(new Set(row).size).toBeGreaterThan(output / 2)
      if (probabilities) expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4)
    }
    expect(rows[0]).not.toEqual(rows[1])
    await session.release()
  })
})

test('the ONNX file can be read by another protocol buffer library, initializers and all', async () => {
  const { files } = await generateModel('tiny', folder)
  const model = readOnnx(await readFile(files[0]!))
  expect(model.opsetImport).toEqual([expect.objectContaining({ domain: '', version: 17 })])
  const conv1 = model.graph.initializer.find((tensor) => tensor.name === 'conv1.weight')!
  expect(conv1.dims).toEqual([16, 3, 3, 3])
  expect(conv1.rawData.byteLength).toBe(16 * 3 * 3 * 3 * 4)
  const expected = new Uint8Array(conv1.rawData.byteLength)
  new WeightsReader(weights('tiny/conv1.weight', 'F32', [16, 3, 3, 3], { halfWidth: Math.sqrt(6 / 27) }), 1).read(
    expected,
  )
  expect(Buffer.compare(conv1.rawData, expected)).toBe(0)
})

describe('bytes', () => {
  test('the same seed gives the same files and another seed gives others', async () => {
    const digestOf = async (seed: number): Promise<string> => {
      const { files } = await generateModel('squeezenet1.0', join(folder, String(seed)), { seed })
      return sha256(files[0]!)
    }
    const first = await digestOf(7)
    await rm(join(folder, '7'), { recursive: true })
    expect(await digestOf(7)).toBe(first)
    expect(await digestOf(8)).not.toBe(first)
  })

  test('of the default seed are the ones that other machines made', async () => {
    const { files } = await generateModel('tiny', folder)
    expect(await sha256(files[0]!)).toBe('0f199cdda8c58557a4eae2616f30c968cabf0c70651b1d3670ee0661f082d4dd')
  })

  test('of a tensor do not depend on how it is cut into buffers', () => {
    for (const type of ['F32', 'F16', 'BF16', 'Q8_0'] as const) {
      const plan = weights('t', type, [64, 32], { halfWidth: 0.5 })
      const whole = new Uint8Array(plan.sizeBytes)
      new WeightsReader(plan, 3).read(whole)
      const parts = new Uint8Array(plan.sizeBytes)
      const reader = new WeightsReader(plan, 3)
      for (let offset = 0; offset < parts.byteLength; ) {
        offset += reader.read(parts.subarray(offset, offset + 4 * 34))
      }
      expect(Buffer.compare(parts, whole)).toBe(0)
    }
  })

  test('of half-precision types decode to the values of single precision, to their accuracy', () => {
    const read = (type: 'F32' | 'F16' | 'BF16'): Uint8Array => {
      const plan = weights('t', type, [1000], { mean: 0.1, halfWidth: 0.5 })
      const bytes = new Uint8Array(plan.sizeBytes)
      new WeightsReader(plan, 3).read(bytes)
      return bytes
    }
    const exact = new Float32Array(read('F32').buffer)
    const halves = new Uint16Array(read('F16').buffer)
    const brains = new Uint16Array(read('BF16').buffer)
    exact.forEach((value, index) => {
      expect(Math.abs(fromHalf(halves[index]!) - value)).toBeLessThanOrEqual(Math.abs(value) / 1024 + 2 ** -14)
      expect(Math.abs(fromBrain(brains[index]!) - value)).toBeLessThanOrEqual(Math.abs(value) / 128)
    })
  })
})

describe('writing', () => {
  test('reuses what is there and replaces what is not the planned file', async () => {
    const { files, sizeBytes } = await generateModel('tiny', folder)
    const original = await sha256(files[0]!)
    expect(await generateModel('tiny', folder)).toMatchObject({ writtenBytes: 0, sizeBytes })
    const damages: Record<string, () => Promise<void>> = {
      truncated: () => truncate(files[0]!, 1000),
      'another seed': async () => void (await generateModel('tiny', folder, { seed: 2 })),
      'a changed byte at the head of a tensor': () => changeByte(files[0]!, sizeBytes - 200),
      foreign: () => writeFile(files[0]!, 'hello'),
    }
    for (const [id, damage] of Object.entries(damages)) {
      await damage()
      expect(await generateModel('tiny', folder), id).toMatchObject({ writtenBytes: sizeBytes })
      expect(await sha256(files[0]!), id).toBe(original)
    }
  })

  test('leaves nothing when it is aborted, and reports progress until then', async () => {
    const abort = new AbortController()
    const seen: number[] = []
    const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }): void => {
      expect(totalBytes).toBeGreaterThan(100_000_000)
      seen.push(doneBytes)
      if (doneBytes > 10_000_000) abort.abort(new Error('enough'))
    }
    const work = generateModel('resnet50', folder, { signal: abort.signal, onProgress })
    await expect(work).rejects.toThrow('enough')
    expect(await readdir(folder)).toEqual([])
    expect(seen).toEqual([...seen].sort((left, right) => left - right))
  })

  test('removes what a killed process left, but not the work of a living one', async () => {
    await writeFile(join(folder, '.holdfast-999999999-a-0.partial'), 'x')
    await writeFile(join(folder, `.holdfast-${process.pid}-a-0.partial`), 'x')
    await generateModel('tiny', folder)
    expect((await readdir(folder)).sort()).toEqual([`.holdfast-${process.pid}-a-0.partial`, 'model.onnx'])
  })

  test('every recipe has a name that is recognised', () => {
    for (const name of Object.keys(recipes)) expect(isGeneratedModelName(name)).toBe(true)
    expect(isGeneratedModelName('toString')).toBe(false)
  })
})

describe('llama', () => {
  test('shards hold each tensor of the index once, in bounds and without gaps', async () => {
    const { files } = await generateModel('llama-tiny', folder)
    const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'))
    const found: Record<string, string> = {}
    let total = 0
    for (const path of files.filter((file) => file.endsWith('.safetensors'))) {
      const { tensors, sizeBytes, headerSizeBytes } = await readSafetensors(path)
      expect(headerSizeBytes % 8).toBe(0)
      let end = 0
      for (const [name, { data_offsets }] of Object.entries(tensors)) {
        expect(data_offsets[0]).toBe(end)
        end = data_offsets[1]
        found[name] = path.slice(folder.length + 1)
      }
      expect(end).toBe(sizeBytes - headerSizeBytes)
      total += end
    }
    expect(found).toEqual(index.weight_map)
    expect(total).toBe(index.metadata.total_size)
    expect(Object.keys(found)).toContain('model.layers.3.self_attn.q_proj.weight')
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
    expect(config).toMatchObject({ model_type: 'llama', num_hidden_layers: 4, torch_dtype: 'bfloat16' })
  })

  test('a fine-tune differs from its base in exactly the tensors that it names', async () => {
    const base = await generateModel('llama-tiny', join(folder, 'base'))
    const tuned = await generateModel('llama-tiny-finetune', join(folder, 'tuned'))
    expect(tuned.sizeBytes).toBe(base.sizeBytes)
    const before = await digestsOfTensors(base.files)
    const after = await digestsOfTensors(tuned.files)
    expect([...after.keys()]).toEqual([...before.keys()])
    const different = [...after.keys()].filter((name) => before.get(name) !== after.get(name))
    expect(different.sort()).toEqual([...tinyLlamaFineTuned].sort())
  })

  test('sizes are parameters, and a fine-tune of an unknown tensor is refused', async () => {
    const plan = planLlama({ ...tinyLlama, layerCount: 1, hiddenSize: 64, dtype: 'F32' })
    const { files } = await writeModel(plan, folder)
    const { tensors } = await readSafetensors(files[0]!)
    expect(tensors['model.layers.0.mlp.up_proj.weight']).toMatchObject({ dtype: 'F32', shape: [688, 64] })
    expect(() => planLlama({ ...tinyLlama, fineTuned: ['nothing'] })).toThrow('nothing')
  })
})

test('the GGUF file has an aligned data section that ends with its last tensor', async () => {
  const { files, sizeBytes } = await generateModel('gguf-tiny', folder)
  const bytes = await readFile(files[0]!)
  const gguf = readGguf(bytes)
  expect(gguf.version).toBe(3)
  expect(gguf.metadata['general.architecture']).toBe('llama')
  expect(gguf.metadata['general.alignment']).toBe(32)
  expect(gguf.metadata['tokenizer.ggml.tokens']).toHaveLength(1024)
  expect(new Set(gguf.tensors.map((tensor) => tensor.type))).toEqual(new Set([0, 1, 8]))
  let end = 0
  for (const { offset, sizeBytes } of gguf.tensors) {
    expect(offset % 32).toBe(0)
    expect(offset).toBe(Math.ceil(end / 32) * 32)
    end = offset + sizeBytes
  }
  expect(gguf.dataStart + Math.ceil(end / 32) * 32).toBe(sizeBytes)
})

function randomImage(dims: number[]): Tensor {
  const count = dims.reduce((product, size) => product * size, 1)
  const bytes = new Uint8Array(count * 4)
  new WeightsReader(weights('image', 'F32', [count], { mean: 0.5, halfWidth: 0.5 }), 5).read(bytes)
  return new Tensor('float32', new Float32Array(bytes.buffer), dims)
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part as Buffer)
  return hash.digest('hex')
}

async function changeByte(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, offset)
  byte[0]! ^= 1
  await file.write(byte, 0, 1, offset)
  await file.close()
}
