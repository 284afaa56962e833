/** The laboratory keeps what it promises: addresses, distances, and lines that carry no more than they should. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { labObstacle, NetworkLab, otherLab } from '../../bench/lab/network-lab.ts'

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
    const sink = await listening(to)
    try {
      return await sent(from, to, bytes)
    } finally {
      sink.kill()
    }
  }

  async function listening(host: string): Promise<ChildProcess> {
    const [command, ...words] = [...lab.host(host).enter, process.execPath, '-e', sinkCode]
    const sink = spawn(command!, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(sink.stdout, 'data')
    return sink
  }

  async function sent(from: string, to: string, bytes: number): Promise<{ connectMs: number; elapsedMs: number }> {
    const code = senderCode(lab.host(to).address, bytes)
    const [command, ...words] = [...lab.host(from).enter, process.execPath, '-e', code]
    return JSON.parse((await promisify(execFile)(command!, words)).stdout)
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

  it('lets a connection through behind a transfer that fills the line', async () => {
    const receiver = lab.host('s1')
    const sink = await listening('s1')
    try {
      const [enter, ...rest] = [...lab.host('n1').enter, process.execPath, '-e', fillerCode(receiver.address)]
      const filler = spawn(enter!, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
      try {
        // It has sent what fills any queue on the way.
        await once(filler.stdout, 'data')
        const { connectMs } = await sent('n2', 's1', 1)
        expect(connectMs).toBeGreaterThanOrEqual(60)
        // One queue for all would hold it up: a class of htb by itself keeps 1,000 packets, more than a second here.
        expect(connectMs).toBeLessThan(600)
      } finally {
        filler.kill()
      }
    } finally {
      sink.kill()
    }
  })

  it('gives two hosts that fill a line equal parts of it', async () => {
    const sink = await listening('s1')
    try {
      const both = await Promise.all(['n1', 'n2'].map((from) => sent(from, 's1', 2 * megabyte)))
      const [faster, slower] = both.map(({ elapsedMs }) => elapsedMs).sort((a, b) => a - b)
      expect(slower! / faster!).toBeLessThan(1.3)
    } finally {
      sink.kill()
    }
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

/** Sends for ever, and says when two megabytes have left. */
function fillerCode(address: string): string {
  return `const s = require('net').connect(9000, '${address}'); let sent = 0
    const more = () => { while (s.write(Buffer.alloc(65536))); }
    s.on('drain', () => { if (sent < 2e6 && s.bytesWritten - s.writableLength >= 2e6) { sent = 2e6; console.log('full') } more() })
    s.on('connect', more)`
}
