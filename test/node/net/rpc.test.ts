import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { connect, type TestNode, type TestNodeOptions, TestNodes } from './nodes.ts'

const nodes = new TestNodes()
afterEach(() => nodes.stop())

async function pair(options: TestNodeOptions = {}): Promise<[TestNode, TestNode]> {
  const [a, b] = await Promise.all([nodes.start(options), nodes.start(options)])
  await connect(a, b)
  return [a, b]
}

test('payloads up to the limits travel whole, both ways', async () => {
  const [a, b] = await pair()
  b.network.handle('echo', async (_from, payload) => payload)
  const payload = randomBytes(4 * 2 ** 20)
  const answer = await a.network.call(b.network.self, 'echo', payload)
  expect(Buffer.compare(answer, payload)).toBe(0)
})

test('a request above the limit is not sent', async () => {
  const [a, b] = await pair({ rpc: { requestBytes: 100 } })
  b.network.handle('echo', async (_from, payload) => payload)
  await expect(a.network.call(b.network.self, 'echo', new Uint8Array(101))).rejects.toMatchObject({
    code: 'REQUEST_TOO_LARGE',
  })
})

test('a request above the limit of the other side is refused there', async () => {
  const a = await nodes.start()
  const b = await nodes.start({ rpc: { requestBytes: 100 } })
  await connect(a, b)
  let served = 0
  b.network.handle('echo', async (_from, payload) => {
    served++
    return payload
  })
  await expect(a.network.call(b.network.self, 'echo', new Uint8Array(30_000))).rejects.toMatchObject({
    code: 'REQUEST_TOO_LARGE',
  })
  expect(served).toBe(0)
})

test('an answer above the limit becomes an error at the server', async () => {
  const [a, b] = await pair({ rpc: { answerBytes: 100 } })
  b.network.handle('big', async () => new Uint8Array(101))
  await expect(a.network.call(b.network.self, 'big', new Uint8Array(0))).rejects.toMatchObject({
    code: 'REQUEST_TOO_LARGE',
  })
})

test('calls above the inbound limit are refused at once with OVERLOADED, and room is given back', async () => {
  const a = await nodes.start()
  const b = await nodes.start({ rpc: { inboundMax: 2 } })
  await connect(a, b)
  const release = Promise.withResolvers<void>()
  let running = 0
  const both = Promise.withResolvers<void>()
  b.network.handle('wait', async (_from, payload) => {
    if (++running === 2) both.resolve()
    await release.promise
    return payload
  })
  const held = [1, 2].map((value) => a.network.call(b.network.self, 'wait', Uint8Array.of(value)))
  await both.promise
  await expect(a.network.call(b.network.self, 'wait', new Uint8Array(2 ** 20))).rejects.toMatchObject({
    code: 'OVERLOADED',
  })
  release.resolve()
  expect((await Promise.all(held)).map((answer) => answer[0])).toEqual([1, 2])
  expect(await a.network.call(b.network.self, 'wait', Uint8Array.of(3))).toHaveLength(1)
})

test('a node that refuses calls answers a ping', async () => {
  const [a, b] = await pair({ rpc: { inboundMax: 1 } })
  const [running, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  b.network.handle('wait', async (_from, payload) => {
    running.resolve()
    await release.promise
    return payload
  })
  const held = a.network.call(b.network.self, 'wait', new Uint8Array())
  await running.promise
  await expect(a.network.call(b.network.self, 'wait', new Uint8Array())).rejects.toMatchObject({ code: 'OVERLOADED' })
  expect(await a.network.ping(b.network.self)).toBeGreaterThanOrEqual(0)
  release.resolve()
  await held
})

test('a call without a signal ends on the timeout of the options', async () => {
  const [a, b] = await pair({ rpc: { callTimeoutMs: 50 } })
  b.network.handle('never', () => new Promise(() => {}))
  await expect(a.network.call(b.network.self, 'never', new Uint8Array(0))).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  })
})

test('a call with an aborted signal is not sent', async () => {
  const [a, b] = await pair()
  let served = false
  b.network.handle('echo', async (_from, payload) => {
    served = true
    return payload
  })
  await expect(
    a.network.call(b.network.self, 'echo', new Uint8Array(0), { signal: AbortSignal.abort() }),
  ).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(served).toBe(false)
})

test('sixty calls at once are all answered', async () => {
  const [a, b] = await pair()
  b.network.handle('double', async (_from, payload) => Uint8Array.of((payload[0] as number) * 2))
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, index) => a.network.call(b.network.self, 'double', Uint8Array.of(index))),
  )
  expect(answers.map((answer) => answer[0])).toEqual(Array.from({ length: 60 }, (_, index) => index * 2))
})
