/** The client library as a C program sees it: files, tensors, waits, errors, threads, and a store that dies and comes back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { hangMs } from '../support/hang-ms.ts'
import { compileProgram, fnv1a, libraryEnvironment } from './c-program.ts'
import { bytesOf, chunksOf, digestOf, fileOf, StoreFixture, specOf } from './fixture.ts'

let folder: string
let program: string
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-c-'))
  program = await compileProgram('client', folder)
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts the program; `ask` sends a line and resolves with the answer. */
async function startClient(...args: string[]) {
  const child = spawn(program, args, { env: libraryEnvironment, stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => (await lines.next()).value as string
  const first = await next()
  const ask = (line: string): Promise<string> => {
    child.stdin!.write(`${line}\n`)
    return next()
  }
  return { child, first, ask }
}

/** A safetensors file of float32 tensors, by name and number of elements. */
function safetensorsOf(tensors: Readonly<Record<string, number>>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  let end = 0
  for (const [name, count] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape: [count / 2, 2], data_offsets: [end, end + 4 * count] }
    end += 4 * count
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, bytesOf(end, 9)])
}

test('files, ranges, tensors and private maps of a model that is there', async () => {
  await using fixture = new StoreFixture()
  const weights = safetensorsOf({ first: 1000, second: 500_000 })
  await fixture.publish('acme/x', [weights, bytesOf(3, 2), Buffer.alloc(0)], ['w.safetensors', 'notes', 'empty'])
  const { ask, child } = await startClient(fixture.options.socketPath)
  expect(await ask('open acme/x')).toBe(`${digestOf('acme/x')} 3`)
  expect(await ask('file notes -1')).toBe(`3 ${fnv1a(bytesOf(3, 2))}`)
  expect(await ask('file empty 0')).toBe(`0 ${fnv1a(Buffer.alloc(0))}`)
  expect(await ask('tensors w.safetensors 0')).toBe('2')
  expect(await ask('tensors notes 0')).toBe('0')
  const start = weights.length - 4 * 501_000
  const first = weights.subarray(start, start + 4000)
  expect(await ask('tensor first 0')).toBe(`F32 [500,2] ${start} 4000 ${fnv1a(first)}`)
  expect(await ask(`range w.safetensors ${start} 4000 0`)).toBe(fnv1a(first))
  expect(await ask(`range w.safetensors ${weights.length} 1 0`)).toMatch(/^error BAD_REQUEST /)
  expect(await ask('tensor third 0')).toMatch(/^error UNKNOWN_MODEL /)
  expect(await ask('file nothing 0')).toMatch(/^error UNKNOWN_MODEL /)
  const changed = Buffer.from(weights)
  changed[0]! ^= 0xff
  expect(await ask('private w.safetensors 0')).toBe(`${fnv1a(changed)} ${fnv1a(weights)}`)
  expect(await ask('private notes 0')).toMatch(new RegExp(`${fnv1a(bytesOf(3, 2))}$`))
  expect(await ask('status')).toBe(`${fixture.store.stats().tiers.memory.usedBytes} ${64 << 20} 3 1`)
  expect(await ask('threads acme/x 8')).toBe('400')
  expect(await ask('close')).toBe('closed')
  await fixture.until(() => fixture.store.stats().leases === 0)
  expect(await ask('open acme/x')).toContain(digestOf('acme/x'))
  child.stdin!.write('write notes\n')
  expect(await once(child, 'exit')).toEqual([null, 'SIGSEGV'])
})

test('what fails says its code', async () => {
  await using fixture = new StoreFixture()
  const nobody = await startClient(`${fixture.folder}/nobody.sock`)
  expect(nobody.first).toMatch(/^error STORE_UNREACHABLE /)
  const { ask } = await startClient(fixture.options.socketPath)
  expect(await ask('open acme/unknown 10')).toMatch(/^error DEADLINE_EXCEEDED /)
  expect(await ask(`open ${'a'.repeat(550)}`)).toMatch(/^error BAD_MODEL_NAME /)
  await fixture.publish('acme/bad', [Buffer.from('not a header at all')], ['bad.safetensors'])
  await ask('open acme/bad')
  expect(await ask('tensors bad.safetensors 0')).toMatch(/^error BAD_MODEL_FILE bad.safetensors: /)
})

test('a model opens while it arrives, and each read waits for its own bytes', async () => {
  await using fixture = new StoreFixture()
  const weights = safetensorsOf({ first: 1000, second: 60_000 })
  const chunkBytes = 64 * 1024
  const spec = specOf(weights, chunkBytes)
  const chunks = chunksOf(weights, chunkBytes)
  const digest = digestOf('acme/late')
  const file = fileOf('w.safetensors', weights)
  const fill = fixture.store.beginFill(spec, { memory: true, disk: false })
  fixture.store.publish({ digest, files: [file] }, ['acme/late'])
  const { ask } = await startClient(fixture.options.socketPath)
  expect(await ask('open acme/late complete 20')).toMatch(/^error DEADLINE_EXCEEDED /)
  expect(await ask('open acme/late')).toBe(`${digest} 1`)
  expect(await ask('ready w.safetensors')).toBe('0')
  expect(await ask('tensors w.safetensors 20')).toMatch(/^error DEADLINE_EXCEEDED /)
  const waiting = ask('tensor first -1')
  await fill.putChunk(0, chunks[0]!)
  const start = weights.length - 4 * 61_000
  expect(await waiting).toContain(fnv1a(weights.subarray(start, start + 4000)))
  expect(await ask('ready w.safetensors')).toBe(String(chunkBytes))
  expect(await ask('tensor second 0')).toMatch(/^error DEADLINE_EXCEEDED /)
  expect(await ask('file w.safetensors 0')).toMatch(/^error DEADLINE_EXCEEDED /)
  const whole = ask('file w.safetensors -1')
  for (let index = chunks.length - 1; index > 0; index -= 1) await fill.putChunk(index, chunks[index]!)
  expect(await whole).toBe(`${weights.length} ${fnv1a(weights)}`)
  await fill.finish()
  expect(fixture.store.blob(spec.id)).toMatchObject({ isIn: { memory: true }, leases: 1 })
  // With time to spare: how soon a hit is answered is a matter of the machine's load.
  expect(await ask('open acme/late complete 10000')).toBe(`${digest} 1`)
})

test('a fetch that fails wakes those who wait, with its code', async () => {
  await using fixture = new StoreFixture()
  const bytes = bytesOf(200_000, 1)
  const spec = specOf(bytes)
  const fill = fixture.store.beginFill(spec, { memory: true, disk: false })
  fixture.store.publish({ digest: digestOf('m'), files: [fileOf('w', bytes)] }, ['acme/m'])
  const { ask } = await startClient(fixture.options.socketPath)
  await ask('open acme/m')
  await fill.putChunk(1, chunksOf(bytes, 64 * 1024)[1]!)
  expect(await ask(`range w ${64 * 1024} 100 0`)).toBe(fnv1a(bytes.subarray(64 * 1024, 64 * 1024 + 100)))
  const waiting = ask('file w -1')
  await fill.abort({ reason: { code: 'NO_SOURCE', message: 'nobody has it' } })
  expect(await waiting).toBe('error NO_SOURCE nobody has it')
  // What had come stays readable under the lease, and its memory is counted until that ends.
  expect(await ask(`range w ${64 * 1024} 100 0`)).toBe(fnv1a(bytes.subarray(64 * 1024, 64 * 1024 + 100)))
  expect(fixture.store.stats().tiers.memory.usedBytes).toBeGreaterThan(0)
  expect(await ask('close')).toBe('closed')
  // The memory goes with the last of the lease, a moment after it is counted out.
  await fixture.until(() => fixture.store.stats().leases === 0 && fixture.store.stats().tiers.memory.usedBytes === 0)
})

test.each(['file half.bin -1', 'private half.bin -1', `range half.bin 65536 1 ${2 * hangMs}`])(
  'kill -9 of the store while a client waits for bytes (%s) ends the wait, with a code',
  async (wait) => {
    await using fixture = new StoreFixture()
    const bytes = bytesOf(500_000, 4)
    const { child: store, next } = await fixture.run('fill-part.ts', [fixture.folder, String(bytes.length), '4'])
    expect(await next()).toBe('half')
    const { child, ask } = await startClient(join(fixture.folder, 'other.sock'))
    expect(await ask('open acme/half')).toBe(`${digestOf('acme/half')} 1`)
    const answer = ask(wait)
    // Its only thread that answers sleeps in the wait, not in reading the next line.
    while (!readFileSync(`/proc/${child.pid}/wchan`, 'utf8').includes('futex')) await setImmediate()
    store.kill('SIGKILL')
    // The wait has no end of its own, or one beyond that of the test.
    expect(await answer).toMatch(/^error STORE_UNREACHABLE /)
    // What had arrived stays readable, and what had not stays out of reach.
    expect(await ask('range half.bin 0 65536 0')).toBe(fnv1a(bytes.subarray(0, 65536)))
    expect(await ask('range half.bin 65536 1 -1')).toMatch(/^error STORE_UNREACHABLE /)
  },
)
