/** The Python module against a real node, and against a store in which a model still arrives. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorTable } from '../../common/errors.ts'
import { ClusterFixture } from '../e2e/cluster-fixture.ts'
import { bytesOf, chunksOf, digestOf, fileOf, StoreFixture, specOf } from '../native/fixture.ts'
import { modulePath, python, pythonEnvironment, pythonHas, runPython } from './python.ts'

const cases = join(import.meta.dirname, 'cases.py')
const weights = safetensorsOf({ first: 1000, second: 60_000 })
const chunkBytes = 64 * 1024

describe.skipIf(!pythonHas('ctypes'))('the Python module', () => {
  let cluster: ClusterFixture
  let socketPath: string
  beforeAll(async () => {
    cluster = await ClusterFixture.create()
    for (const name of ['llama-tiny', 'gguf-tiny'] as const) {
      await cluster.push(await cluster.generate(name), `acme/${name}`)
    }
    socketPath = (await cluster.start('a')).socketPath
  })
  afterAll(() => cluster.dispose())

  const passes = async (name: string) => {
    expect(await runPython([cases, name], pythonEnvironment(socketPath))).toEqual({ code: 0, output: 'ok\n' })
  }

  it.each([
    'files_and_tensors',
    'errors_have_codes',
    'views_keep_the_lease',
    'threads_share_a_connection',
    'a_child_of_fork_connects_by_itself',
  ])('%s', passes)

  it.skipIf(!pythonHas('numpy')).each(['arrays_are_views'])('%s', passes)

  it
    .skipIf(!pythonHas('torch', 'numpy'))
    .each([
      'torch_tensors_are_private_by_default',
      'load_file_gives_what_the_file_has',
      'writing_to_shared_tensors_ends_the_process',
    ])('%s', passes)

  it('gives codes of the table alone', async () => {
    const program =
      'import holdfast\ntry: holdfast.open("acme/absent")\nexcept holdfast.HoldfastError as e: print(e.code)'
    const { output } = await runPython(['-c', program], pythonEnvironment(socketPath))
    expect(Object.keys(errorTable)).toContain(output.trim())
  })

  it.skipIf(!pythonHas('venv', 'ensurepip'))('installs without a network, a compiler or other packages', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-venv-'))
    try {
      const { PYTHONPATH: _, ...env } = pythonEnvironment(socketPath)
      expect(await runPython(['-m', 'venv', folder], env)).toMatchObject({ code: 0 })
      const installed = await runPython(['-m', 'pip', 'install', '--no-index', modulePath], env, `${folder}/bin/python`)
      expect(installed).toMatchObject({ code: 0 })
      const program = 'import holdfast; print(holdfast.__file__, len(holdfast.open("acme/gguf-tiny").files))'
      const { output } = await runPython(['-c', program], env, `${folder}/bin/python`)
      expect(output).toMatch(new RegExp(`^${folder}/.*/holdfast/__init__.py 1\n$`))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  it('says where it looked for the library, and by which code', async () => {
    const env = { ...pythonEnvironment(socketPath), HOLDFAST_LIBRARY: '/nowhere/libholdfast.so.1' }
    const { code, output } = await runPython(['-c', 'import holdfast'], env)
    expect({ code, output }).toEqual({
      code: 1,
      output: expect.stringMatching(/SYSTEM: .*\/nowhere.*HOLDFAST_LIBRARY/),
    })
  })
})

describe.skipIf(!pythonHas('ctypes'))('a model that arrives', () => {
  it('is read range by range', async () => {
    await using fixture = new StoreFixture()
    const spec = specOf(weights, chunkBytes)
    const chunks = chunksOf(weights, chunkBytes)
    const fill = fixture.store.beginFill(spec, { memory: true, disk: false })
    const file = fileOf('w.safetensors', weights)
    fixture.store.publish({ digest: digestOf('acme/late'), files: [file] }, ['acme/late'])
    await fill.putChunk(0, chunks[0]!)
    const child = spawn(python, [cases, 'ranges_of_a_model_that_arrives'], {
      env: pythonEnvironment(fixture.options.socketPath),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const gone = once(child, 'exit')
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe('first 4000')
    for (const [index, chunk] of chunks.entries()) if (index > 0) await fill.putChunk(index, chunk)
    expect((await lines.next()).value).toBe('second 240000')
    expect(await gone).toEqual([0, null])
    await fill.finish()
  })
})

function safetensorsOf(tensors: Readonly<Record<string, number>>): Buffer {
  const header: Record<string, unknown> = {}
  let end = 0
  for (const [name, count] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape: [count], data_offsets: [end, end + 4 * count] }
    end += 4 * count
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, bytesOf(end, 9)])
}
