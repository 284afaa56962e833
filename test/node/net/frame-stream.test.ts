import { type Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { FrameStream } from '../../../node/net/frame-stream.ts'
import { hung } from '../../support/hung.ts'

class FakeStream extends EventTarget {
  readonly sent: Uint8Array[] = []
  status = 'open'
  writeStatus = 'writable'
  remoteWriteStatus = 'writable'
  writeBufferLength = 0
  readBufferLength = 0
  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes)
    return true
  }
  abort(error: Error): void {
    this.status = 'aborted'
    this.dispatchEvent(new StreamCloseEvent(true, error))
  }
  comes(...bytes: number[]): void {
    this.dispatchEvent(new StreamMessageEvent(Uint8Array.from(bytes)))
  }
  ends(): void {
    this.dispatchEvent(new Event('end'))
  }
}

function framed(frameBytesMax = 300) {
  const stream = new FakeStream()
  const tooLarge = (sizeBytes: number) => new HoldfastError('REQUEST_TOO_LARGE', `${sizeBytes} bytes`)
  return { stream, frames: new FrameStream(stream as unknown as Stream, { frameBytesMax, tooLarge }) }
}

describe('FrameStream', () => {
  it.each([0, 1, 127, 128, 300])('writes %i bytes so that the other side reads them, cut anywhere', async (size) => {
    const frame = Uint8Array.from({ length: size }, (_, index) => index)
    const sender = framed()
    await sender.frames.write(frame, hung())
    const wire = Buffer.concat(sender.stream.sent)
    for (let cut = 0; cut <= Math.min(wire.length, 4); cut += 1) {
      const { stream, frames } = framed()
      const read = frames.read(hung())
      if (cut > 0) stream.comes(...wire.subarray(0, cut))
      if (cut < wire.length) stream.comes(...wire.subarray(cut))
      expect(Buffer.compare(await read, frame)).toBe(0)
    }
  })

  it('knows the size of a frame before the frame is there', async () => {
    const { stream, frames } = framed()
    const announced = frames.announced(hung())
    stream.comes(0xac)
    stream.comes(2, 1)
    expect(await announced).toBe(300)
    const read = frames.read(hung())
    stream.comes(...new Array(299).fill(1))
    expect((await read).byteLength).toBe(300)
    stream.comes(0xad, 2)
    await expect(frames.announced(hung())).rejects.toMatchObject({ code: 'REQUEST_TOO_LARGE' })
  })

  it('reads frames that came together one after the other', async () => {
    const { stream, frames } = framed()
    stream.comes(2, 7, 8, 1, 9)
    expect([...(await frames.read(hung()))]).toEqual([7, 8])
    expect([...(await frames.read(hung()))]).toEqual([9])
    expect(frames.isQuiet).toBe(true)
  })

  it('is not quiet after bytes that nobody asked for, nor with an end that is closed', () => {
    const told = framed()
    told.stream.comes(1)
    expect(told.frames.isQuiet).toBe(false)
    const ended = framed()
    ended.stream.remoteWriteStatus = 'closed'
    expect(ended.frames.isQuiet).toBe(false)
  })

  it('refuses a frame by its length, before it has come', async () => {
    const { stream, frames } = framed()
    stream.comes(0xad, 0x02)
    await expect(frames.read(hung())).rejects.toMatchObject({ code: 'REQUEST_TOO_LARGE', message: '301 bytes' })
  })

  it('refuses a length without an end', async () => {
    const { stream, frames } = framed()
    stream.comes(0xff, 0xff, 0xff, 0xff, 0xff)
    await expect(frames.read(hung())).rejects.toMatchObject({ code: 'REQUEST_TOO_LARGE' })
  })

  it('ends the stream of a peer that goes on sending what nobody reads', () => {
    const { stream } = framed()
    for (let frame = 0; frame < 152; frame += 1) stream.comes(1, 1)
    expect(stream.status).toBe('open')
    stream.comes(1, 1)
    expect(stream.status).toBe('aborted')
  })

  it('tells an end between two frames from one within a frame', async () => {
    const between = framed()
    between.stream.ends()
    expect(await between.frames.begins()).toBe(false)
    const within = framed()
    within.stream.comes(5, 1)
    expect(await within.frames.begins()).toBe(true)
    const read = within.frames.read(hung())
    within.stream.ends()
    await expect(read).rejects.toThrow('within a frame')
  })

  it('ends a wait with the error of the stream, or on a signal', async () => {
    const { stream, frames } = framed()
    const read = frames.read(hung())
    stream.abort(new Error('reset'))
    await expect(read).rejects.toThrow('reset')
    await expect(frames.begins()).rejects.toThrow('reset')
    await expect(framed().frames.read(AbortSignal.abort(new Error('late')))).rejects.toThrow('late')
  })
})
