/** Reads of a fetch from the origin: what is read in one go, and that each chunk ends by itself, whatever the origin does. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../common/index.ts'
import type { FetchChunk } from '../../../core/index.ts'
import { type BulkOrigin, type ChunkPlaces, OriginReads } from '../../../node/transfer/origin-reads.ts'
import type { Extent } from '../../../origin/index.ts'
import { blobIdOf } from '../../../origin/index.ts'
import { noise, OriginFixture, sha256 } from '../../origin/fixture.ts'

const bytes = noise('model', 1000)
const file = sha256(bytes)
const signal = new AbortController().signal

function chunksOf(...sizes: number[]): FetchChunk[] {
  let offsetBytes = 0
  return sizes.map((sizeBytes, index) => {
    const chunk = { sha256: sha256(`${index}`), sizeBytes }
    const found = { ...chunk, blob: blobIdOf({ chunks: [chunk] }), file, index, offsetBytes }
    offsetBytes += sizeBytes
    return found
  })
}

/** An origin that is elsewhere; `read` may fail. */
function remote(extents: readonly Extent[], read = async () => {}) {
  const reads: { offsetBytes: number; sizeBytes: number }[] = []
  const bulk: BulkOrigin = {
    extentsOf: async () => extents,
    openRange: async () => null,
    readInto: async ({ offsetBytes }, target) => {
      reads.push({ offsetBytes, sizeBytes: target.length })
      await read()
      target.set(bytes.subarray(offsetBytes, offsetBytes + target.length))
    },
  }
  return { reads, bulk }
}

function readsOf(bulk: BulkOrigin): OriginReads {
  const origin = { readRange: () => Promise.reject(new Error('not asked')), bulk }
  return new OriginReads({ model: file, origin, readBytesMax: 400, signal })
}

/** Keeps what it is given. */
class Places implements ChunkPlaces {
  taken: Buffer | null = null
  async take(given: Uint8Array): Promise<void> {
    this.taken = Buffer.from(given)
  }
  takeFile = async (): Promise<'copied' | 'short'> => 'short'
}

const extent = (object: string, sizeBytes: number): Extent => ({ object, offsetBytes: 0, sizeBytes })

describe('OriginReads', () => {
  test('reads neighbours of one object in one go, up to the bound, and gives each chunk its bytes', async () => {
    const { bulk, reads } = remote([extent('a', 600), extent('b', 400)])
    const originReads = readsOf(bulk)
    const chunks = chunksOf(100, 100, 300, 100, 400)
    const places = chunks.map(() => new Places())
    await Promise.all(chunks.map((chunk, at) => originReads.bring(chunk, places[at]!, signal)).reverse())
    expect(reads).toEqual([
      { offsetBytes: 0, sizeBytes: 200 },
      { offsetBytes: 200, sizeBytes: 400 },
      { offsetBytes: 600, sizeBytes: 400 },
    ])
    for (const [at, { offsetBytes, sizeBytes }] of chunks.entries())
      expect(places[at]!.taken!.equals(bytes.subarray(offsetBytes, offsetBytes + sizeBytes))).toBe(true)
  })

  test('fails every chunk of a read that fails, and goes on with the next', async () => {
    const failure = new HoldfastError('ORIGIN_UNAVAILABLE', 'played')
    let failures = 1
    const { bulk } = remote([extent('a', 1000)], async () => {
      if (failures-- > 0) throw failure
    })
    const originReads = readsOf(bulk)
    const chunks = chunksOf(100, 100)
    const bring = () => Promise.allSettled(chunks.map((chunk) => originReads.bring(chunk, new Places(), signal)))
    expect(await bring()).toEqual(chunks.map(() => ({ status: 'rejected', reason: failure })))
    expect((await bring()).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  })

  test('fails the chunks of a file whose places are not known', async () => {
    const failure = new HoldfastError('ORIGIN_NOT_FOUND', 'played')
    const { bulk } = remote([])
    const originReads = readsOf({ ...bulk, extentsOf: () => Promise.reject(failure) })
    await expect(originReads.bring(chunksOf(10)[0]!, new Places(), signal)).rejects.toBe(failure)
  })

  test('ends a read when none of its chunks is wanted any more, and not sooner', async () => {
    const { bulk } = remote([extent('a', 1000)])
    const began = Promise.withResolvers<AbortSignal>()
    const originReads = readsOf({
      ...bulk,
      readInto: (_place, _target, options) => {
        began.resolve(options!.signal!)
        return new Promise((_, reject) => options!.signal!.addEventListener('abort', () => reject(new Error('ended'))))
      },
    })
    const wanted = [new AbortController(), new AbortController()]
    const brought = Promise.allSettled(
      chunksOf(100, 100).map((chunk, at) => originReads.bring(chunk, new Places(), wanted[at]!.signal)),
    )
    const reading = await began.promise
    wanted[0]!.abort()
    expect(reading.aborted).toBe(false)
    wanted[1]!.abort()
    expect(reading.aborted).toBe(true)
    expect((await brought).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('fails only the chunk that is wrong', async () => {
    const { bulk } = remote([extent('a', 1000)])
    const originReads = readsOf(bulk)
    const wrong = new HoldfastError('DIGEST_MISMATCH', 'played')
    const refusing: ChunkPlaces = { take: () => Promise.reject(wrong), takeFile: () => Promise.reject(wrong) }
    const [first, second] = chunksOf(100, 100)
    const ended = await Promise.allSettled([
      originReads.bring(first!, refusing, signal),
      originReads.bring(second!, new Places(), signal),
    ])
    expect(ended).toEqual([
      { status: 'rejected', reason: wrong },
      { status: 'fulfilled', value: undefined },
    ])
  })

  test.each([
    { id: 'too short', takeFile: async () => 'short' as const, code: 'DIGEST_MISMATCH' },
    {
      id: 'unreadable',
      takeFile: () => Promise.reject(Object.assign(new Error('EIO: read'), { code: 'EIO' })),
      code: 'ORIGIN_UNAVAILABLE',
    },
    {
      id: 'too much for the node',
      takeFile: () => Promise.reject(new HoldfastError('MEMORY_FULL', 'played')),
      code: 'MEMORY_FULL',
    },
  ])('tells of an object in a folder that is $id, and closes it', async ({ takeFile, code }) => {
    const fixture = await OriginFixture.create()
    try {
      const folder = await fixture.model('m', { object: bytes })
      const handle = await open(join(folder, 'object'))
      const { bulk } = remote([extent('object', 1000)])
      const truncated = () => new HoldfastError('DIGEST_MISMATCH', 'played')
      const originReads = readsOf({ ...bulk, openRange: async () => ({ handle, offsetBytes: 0, truncated }) })
      const places = Object.assign(new Places(), { takeFile })
      await expect(originReads.bring(chunksOf(100)[0]!, places, signal)).rejects.toMatchObject({ code })
      expect(handle.fd).toBe(-1)
    } finally {
      await fixture.remove()
    }
  })
})
