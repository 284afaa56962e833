import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAdapterRequests, readTrace, type TraceFormat } from '../../../../sim/traces/formats/index.ts'
import { lineCharsMax } from '../../../../sim/traces/formats/read-lines.ts'

let folder: string
let written = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hf-trace-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(content: string | Buffer, name = `f${++written}`): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const models = JSON.stringify([
  { name: 'a', loaded_size: 0.5, avg_load_latency: 2 },
  { name: 'b', loaded_size: 0.25, avg_load_latency: 3, further: 'ignored' },
])
const read = async (content: string | Buffer, format: TraceFormat = 'csv', modelsText?: string) =>
  readTrace({
    format,
    files: [await file(content)],
    seed: 1,
    ...(modelsText === undefined ? {} : { modelsFile: await file(modelsText) }),
  })
const plain = ({ modelIndexes, timesMs }: Awaited<ReturnType<typeof readTrace>>) =>
  [...modelIndexes].map((place, index) => [place, timesMs[index]])

const requests = 'id,seconds,model\n0,1.5,b\n1,0.25,a\r\n2,1.5,a'
const given = [
  { name: 'a', sizeBytes: 2 ** 29, loadMs: 2000 },
  { name: 'b', sizeBytes: 2 ** 28, loadMs: 3000 },
]

describe('requests and models', () => {
  it.each([
    { id: 'plain', content: requests },
    { id: 'gzipped', content: gzipSync(requests) },
  ])('are read $id, in the order of arrival', async ({ content }) => {
    const trace = await read(content, 'csv', models)
    expect(trace.models).toEqual(given)
    expect(plain(trace)).toEqual([
      [0, 250],
      [1, 1500],
      [0, 1500],
    ])
  })

  it('may lack sizes: they are drawn, from the seed and the name alone', async () => {
    const [first, second] = [await read(requests), await read('seconds,model\n1,a\n2,c')]
    expect(first.models.map(({ name }) => name)).toEqual(['b', 'a'])
    expect(second.models[0]).toEqual(first.models[1])
    for (const { sizeBytes, loadMs } of first.models) {
      expect(sizeBytes).toBeGreaterThanOrEqual(14e6)
      expect(loadMs).toBeGreaterThanOrEqual(2000)
    }
  })

  it.each([
    { id: 'no column', content: 'id,time,model\n0,1,a', models, says: 'no column seconds' },
    { id: 'a time that is none', content: 'seconds,model\n1,a\nx,a', models, says: 'line 3: seconds is "x"' },
    { id: 'a negative time', content: 'seconds,model\n-1,a', models, says: 'from 0 up' },
    { id: 'a model without size', content: 'seconds,model\n1,c', models, says: 'no model c' },
    { id: 'a row too short', content: 'seconds,model\n1', models, says: 'line 2 has 1 cells' },
    { id: 'a quote that does not end', content: 'seconds,model\n1,"a', models, says: 'Quote Not Closed' },
    { id: 'nothing', content: '', models, says: 'no header' },
    { id: 'no requests', content: 'seconds,model\n', models, says: 'no requests' },
    { id: 'a line without end', content: 'x'.repeat(lineCharsMax + 1), models, says: 'longer than' },
    { id: 'a broken archive', content: gzipSync(requests).subarray(0, 30), models, says: 'end of file' },
    { id: 'models that are no list', content: requests, models: '{}', says: 'JSON array' },
    { id: 'a model twice', content: requests, models: models.replace('"b"', '"a"'), says: 'there twice' },
    { id: 'a size of nothing', content: requests, models: models.replace('0.5', '0'), says: 'above 0' },
    { id: 'null for a model', content: requests, models: '[null]', says: 'has to be a text' },
  ])('are refused with $id', async ({ content, models, says }) => {
    await expect(read(content, 'csv', models)).rejects.toMatchObject({
      code: 'BAD_TRACE',
      message: expect.stringContaining(says),
    })
  })

  it('may be quoted, as other programs write them', async () => {
    expect(plain(await read('\ufeffid,seconds,"model"\r\n0,"1.5","b"\r\n1,0.25,a\r\n', 'csv', models))).toEqual([
      [0, 250],
      [1, 1500],
    ])
  })

  it('are refused when there is no such file', async () => {
    const source = { format: 'csv', files: [join(folder, 'nowhere')], seed: 1 } as const
    await expect(readTrace(source)).rejects.toMatchObject({ code: 'BAD_TRACE' })
  })
})

describe('Azure Functions', () => {
  const head = 'HashOwner,HashApp,HashFunction,Trigger'
  it.each(['1,2,3', 'm480,m481,m482'])('are spread over their minutes, columns %s', async (minutes) => {
    const trace = await read(
      `${head},${minutes}\no,p,f,http,2,0,1\no,p,once,http,0,1,0\no,p,g,timer,1,1,0`,
      'azure-functions',
    )
    expect(trace.models.map(({ name }) => name)).toEqual(['f', 'g'])
    expect(plain(trace)).toEqual([
      [0, 0],
      [1, 0],
      [0, 30_000],
      [1, 60_000],
      [0, 120_000],
    ])
  })

  it('need columns of minutes', async () => {
    await expect(read(`${head}\no,p,f,http`, 'azure-functions')).rejects.toThrow('no column per minute')
  })
})

describe('Azure LLM', () => {
  const head = 'TIMESTAMP,ContextTokens,GeneratedTokens'
  it('is one model per file, in time', async () => {
    const files = [
      await file(`${head}\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109`, 'code.csv'),
      await file(gzipSync(`${head}\n2024-05-10 00:00:00.009930+00:00,1,1`), 'conv.csv.gz'),
    ]
    const trace = await readTrace({ format: 'azure-llm', files, seed: 1 })
    expect(trace.models.map(({ name }) => name)).toEqual(['code', 'conv'])
    expect([...trace.modelIndexes]).toEqual([0, 0, 1])
    expect(trace.timesMs[0]).toBe(0)
    expect(trace.timesMs[1]).toBeCloseTo(4314.579, 2)
  })

  it('refuses a time that is none', async () => {
    await expect(read(`${head}\nyesterday,1,1`, 'azure-llm')).rejects.toThrow('line 2: yesterday')
  })
})

describe('oracleGeneral', () => {
  const record = (seconds: number, id: bigint, sizeBytes: number) => {
    const bytes = Buffer.alloc(24)
    bytes.writeUInt32LE(seconds, 0)
    bytes.writeBigUInt64LE(id, 4)
    bytes.writeUInt32LE(sizeBytes, 12)
    bytes.writeBigInt64LE(-1n, 16)
    return bytes
  }
  const bytes = Buffer.concat([record(100, 2n ** 63n, 512), record(101, 7n, 4096), record(103, 2n ** 63n, 512)])

  it('is read from its records, with sizes of its own', async () => {
    const trace = await read(bytes, 'oracle-general')
    expect(trace.models).toEqual([
      { name: String(2n ** 63n), sizeBytes: 512, loadMs: 1000 },
      { name: '7', sizeBytes: 4096, loadMs: 1000 },
    ])
    expect(plain(trace)).toEqual([
      [0, 0],
      [1, 1000],
      [0, 3000],
    ])
  })

  it('is refused when it ends within a record', async () => {
    await expect(read(bytes.subarray(0, 50), 'oracle-general')).rejects.toThrow('2 of 24 bytes')
  })
})

it('bases and their adapters are asked for one after the other, bases unnamed left out', async () => {
  const path = await file('seq,base_model,loras\n0,B0,L1 L0\n1,,L0\n2,B0,')
  const trace = await readAdapterRequests(path, { baseBytes: 20, adapterBytes: 2 })
  expect(trace.models.map(({ name, sizeBytes }) => `${name} ${sizeBytes}`)).toEqual(['B0 20', 'L1 2', 'L0 2'])
  expect(plain(trace)).toEqual([0, 1, 2, 2, 0].map((place, index) => [place, index * 1000]))
})

it('takes one file, but for formats of one model per file', async () => {
  const files = [await file(requests, 'one.csv'), await file(requests, 'two.csv')]
  await expect(readTrace({ format: 'csv', files, seed: 1 })).rejects.toThrow(`${basename(files[1]!)}: the format csv`)
})
