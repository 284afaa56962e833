/** Bytes that cannot be part of a protocol negotiation end the stream before libp2p sees them. */
import type { MessageStream } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { guardSelection, SelectionCheck } from '../../../node/net/selection-guard.ts'

const message = (text: string) => Buffer.concat([Buffer.from([text.length + 1]), Buffer.from(`${text}\n`)])
const header = message('/multistream/1.0.0')
const isAgreed = (protocol: string) => protocol === '/noise'
const long = Buffer.concat([Buffer.from([0x80 | (1_024 & 0x7f), 1_024 >> 7]), Buffer.alloc(1_024, 'x')])

class FakeStream {
  readonly received: Buffer[] = []
  aborted = 0
  onData(data: Uint8Array): void {
    this.received.push(Buffer.from(data))
  }
  abort(): void {
    this.aborted += 1
  }
}

describe('an agreement', () => {
  it('passes, whole or byte by byte, and whatever follows it', () => {
    const bytes = Buffer.concat([
      header,
      message('/other'),
      message('na'),
      long,
      message('/noise'),
      Buffer.alloc(100, 0xff),
    ])
    for (const sizeBytes of [1, 7, bytes.length]) {
      const check = new SelectionCheck(isAgreed)
      for (let at = 0; at < bytes.length; at += sizeBytes)
        expect(check.passes(bytes.subarray(at, at + sizeBytes)), `of pieces of ${sizeBytes}`).toBe(true)
      expect(check.isOver).toBe(true)
    }
  })

  it.each([
    ['a length that does not end', Buffer.alloc(3, 0x80)],
    ['one after a good beginning', Buffer.concat([header, Buffer.alloc(64 * 1024, 0xa5)])],
    ['a message of more than 1,024 bytes', Buffer.from([0x80 | (1_025 & 0x7f), 1_025 >> 7])],
    ['an empty message', Buffer.from([0])],
    ['messages without end', Buffer.concat(Array.from({ length: 64 }, () => message('ls')))],
  ])('is not %s', (_what, bytes) => {
    expect(new SelectionCheck(isAgreed).passes(bytes)).toBe(false)
  })
})

describe('a stream', () => {
  it('gets what has passed, and all of it once a protocol is agreed on', () => {
    const stream = new FakeStream()
    guardSelection(stream as unknown as MessageStream, isAgreed)
    for (const bytes of [header, message('/noise'), Buffer.alloc(10, 0x80)]) stream.onData(bytes)
    expect(Buffer.concat(stream.received)).toEqual(Buffer.concat([header, message('/noise'), Buffer.alloc(10, 0x80)]))
    expect(stream.aborted).toBe(0)
    expect(Object.hasOwn(stream, 'onData')).toBe(false)
  })

  it('ends with what has not, of which libp2p sees nothing', () => {
    const stream = new FakeStream()
    guardSelection(stream as unknown as MessageStream, isAgreed)
    stream.onData(header)
    stream.onData(Buffer.alloc(4_096, 0xa5))
    expect(stream.aborted).toBe(1)
    expect(Buffer.concat(stream.received)).toEqual(header)
  })
})
