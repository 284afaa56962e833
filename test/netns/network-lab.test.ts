/** The laboratory keeps what it promises: addresses, distances, and lines that carry no more than they should. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { labObstacle, NetworkLab, otherLab } from '../../node/bench/lab/network-lab.ts'

const obstacle = labObstacle()
if (obstacle !== null) console.log(`Network tests are skipped: ${obstacle}.`)

const megabyte = 1_000_000
const line = { hostUpBytesPerS: 5 * megabyte, hostDownBytesPerS: 4 * megabyte }

describe.skipIf(obstacle !== null)('a laboratory of two sites', () => {
  let lab: NetworkLab

  beforeAll(async () => {
    lab = await NetworkLab.create({
      sites: [
        { name: 'north', hostNames: ['n1', 'n2'], upBytesPerS: 2 * megabyte, downBytesPerS: null, ...line },
        { name: 'south', hostNames: ['s1'], upBytesPerS: null, downBytesPerS: 1 * megabyte, ...line },
      ],
      delayMs: [
        [0, 30],
        [30, 0],
      ],
    })
  })
  afterAll(() => lab.dispose())

  /** Sends so many bytes from one host to another and tells how long the connection and the bytes took there. */
  async function transfer(from: string, to: string, bytes: number): Promise<{ connectMs: number; elapsedMs: number }> {
    const receiver = lab.host(to)
    const [command, ...words] = [...receiver.enter, process.execPath, '-e', sinkCode]
    const sink = spawn(command!, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(sink.stdout, 'data')
      const [enter, ...rest] = [...lab.host(from).enter, process.execPath, '-e', senderCode(receiver.address, bytes)]
      return JSON.parse(execFileSync(enter!, rest, { encoding: 'utf8' }))
    } finally {
      sink.kill()
    }
  }

  it('is the only one of its machine: a second one is refused, and takes nothing of it down', async () => {
    expect(otherLab()).toContain('hflab')
    const sites = [{ name: 'north', hostNames: ['n1'], upBytesPerS: null, downBytesPerS: null, ...line }]
    await expect(NetworkLab.create({ sites, delayMs: [[0]] })).rejects.toMatchObject({ code: 'SYSTEM' })
    expect((await transfer('n1', 's1', 1)).connectMs).toBeGreaterThanOrEqual(60)
  })

  it('is as far apart as its matrix says, both ways', async () => {
    expect((await transfer('n1', 's1', 1)).connectMs).toBeGreaterThanOrEqual(60)
    expect((await transfer('s1', 'n2', 1)).connectMs).toBeGreaterThanOrEqual(60)
  })

  it.each([
    { from: 'n1', to: 'n2', limit: 4 * megabyte, what: 'the download of a host' },
    { from: 's1', to: 'n1', limit: 4 * megabyte, what: 'the download of a host, from another site' },
    { from: 'n1', to: 's1', limit: 1 * megabyte, what: 'the download of a site' },
  ])('carries no more than $what from $from to $to', async ({ from, to, limit }) => {
    const bytes = limit
    const { elapsedMs } = await transfer(from, to, bytes)
    // The first burst passes at once.
    expect(bytes - 65_536).toBeLessThanOrEqual((limit * elapsedMs) / 1000)
  })
})

/** Answers each connection, once it has ended, with one byte. */
const sinkCode = `require('net').createServer({ allowHalfOpen: true }, (s) => s.resume().on('end', () => s.end('x')))
  .listen(9000, () => console.log('ready'))`

function senderCode(address: string, bytes: number): string {
  return `const t = performance.now(); let c
    const s = require('net').connect(9000, '${address}', () => { c = performance.now() - t; s.end(Buffer.alloc(${bytes})) })
    s.on('data', () => console.log(JSON.stringify({ connectMs: c, elapsedMs: performance.now() - t })))`
}
