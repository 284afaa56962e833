/** The small parts of the cache that remember something. */

import { describe, expect, it } from 'vitest'
import { toBlobId } from '../../../common/index.ts'
import type { BlobState, Store } from '../../../native/types.ts'
import { LeaseTracker } from '../../../node/models/lease-tracker.ts'
import { LoadProgress } from '../../../node/models/load-progress.ts'
import { ModelTable, specOf } from '../../../node/models/model-table.ts'
import { blobIdOf } from '../../../origin/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { bytesOf, chunkBytes, modelOf } from '../../support/models.ts'

describe('LoadProgress', () => {
  it('keeps a row until the last who works on the model has ended, however', async () => {
    const board = new LoadProgress(() => 0)
    const slow = Promise.withResolvers<void>()
    const working = board.during('a', () => slow.promise)
    await expect(board.during('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    board.note('a', 'fetching', { doneBytes: 1, totalBytes: 2 })
    board.note('a', 'deriving')
    expect(board.get('a')).toEqual({ model: 'a', state: 'deriving', doneBytes: 1, totalBytes: 2, bytesPerS: null })
    slow.resolve()
    await working
    board.note('a', 'loading')
    expect(board.get('a')).toBe(null)
  })
})

const blobsIn = (states: Map<string, Partial<BlobState>>): Store =>
  ({ blob: (id: string) => states.get(id) ?? null }) as unknown as Store

describe('LeaseTracker', () => {
  const leased = (leases: number) => new Map([['b', { leases }]])

  it('waits until the last lease has ended', async () => {
    const states = leased(2)
    const watch = new LeaseTracker(blobsIn(states), new ManualClock())
    let isFree = false
    const waiting = watch.untilFree(toBlobId('b')).then(() => {
      isFree = true
    })
    states.set('b', { leases: 1 })
    watch.onLeaseClosed()
    await Promise.resolve()
    expect(isFree).toBe(false)
    states.set('b', { leases: 0 })
    watch.onLeaseClosed()
    await waiting
  })

  it('does not wait for ever, nor for a blob that is free, and leaves no timer behind', async () => {
    const clock = new ManualClock()
    const watch = new LeaseTracker(blobsIn(leased(1)), clock, { timeoutMs: 50 })
    const waiting = watch.untilFree(toBlobId('b'))
    clock.advance(50)
    await waiting
    await watch.untilFree(toBlobId('unknown'))
    expect(clock.timerCount).toBe(0)
  })
})

describe('ModelTable', () => {
  const shared = bytesOf(2 * chunkBytes, 'shared')
  const a = modelOf({ 'a.bin': bytesOf(100, 'a'), 'same.bin': shared, 'twin.bin': shared })
  const b = modelOf({ 'b.bin': Buffer.concat([bytesOf(chunkBytes, 'b'), shared]) })
  const [aBlob, sharedBlob] = a.manifest.files.map(blobIdOf)
  const bBlob = blobIdOf(b.manifest.files[0]!)
  const chunk = a.manifest.files[1]!.chunks[1]!.sha256

  it('finds a chunk in a blob that is held, wherever it lies', () => {
    const states = new Map<string, Partial<BlobState>>()
    const table = new ModelTable(blobsIn(states))
    table.add(specOf(a.id, a.manifest))
    table.add(specOf(b.id, b.manifest))
    expect(table.findLocalChunk(chunk)).toBe(null)
    states.set(bBlob, { isIn: { memory: false, disk: true } })
    expect(table.findLocalChunk(chunk)).toEqual({ blob: bBlob, offsetBytes: 2 * chunkBytes })
    states.set(sharedBlob!, { isIn: { memory: true, disk: false } })
    expect(table.findLocalChunk(chunk)).toEqual({ blob: sharedBlob, offsetBytes: chunkBytes })
    table.remove(a.id)
    expect(table.findLocalChunk(chunk)).toEqual({ blob: bBlob, offsetBytes: 2 * chunkBytes })
    table.remove(b.id)
    expect(table.findLocalChunk(chunk)).toBe(null)
    expect(table.isModelBlob(bBlob)).toBe(false)
  })

  it('serves a request of a node that names the file only from where the chunk is, whatever the manifest states', () => {
    const states = new Map<string, Partial<BlobState>>()
    const table = new ModelTable(blobsIn(states))
    table.add(specOf(a.id, a.manifest))
    table.add(specOf(b.id, b.manifest))
    const request = { chunk, offsetBytes: 0 }
    const places = [
      { blob: sharedBlob, offsetBytes: chunkBytes },
      { blob: bBlob, offsetBytes: 2 * chunkBytes },
    ]
    expect(table.placesToServe({ ...request, blob: null })).toEqual(places)
    states.set(bBlob, { isIn: { memory: false, disk: true } })
    expect(table.placesToServe({ ...request, blob: null })).toEqual([places[1]])
    expect(table.placesToServe({ ...request, blob: null, chunk: 'unknown' })).toEqual([])
    expect(table.placesToServe({ ...request, blob: sharedBlob! })).toEqual([{ blob: sharedBlob, offsetBytes: 0 }])
    table.setForm(table.get(a.id)!, { id: toBlobId('form'), sizeBytes: 1, fingerprint: 'v1' })
    expect(table.placesToServe({ ...request, blob: toBlobId('form') }), 'a form is for nobody else').toEqual([])
  })

  it('counts whole pages, a blob of two files once', () => {
    const states = new Map<string, Partial<BlobState>>(
      [aBlob!, sharedBlob!].map((blob) => [blob, { isIn: { memory: true, disk: true } }]),
    )
    const table = new ModelTable(blobsIn(states))
    const row = table.add(specOf(a.id, a.manifest))
    expect(table.bytesIn(row, 'memory')).toBe(4096 + 2 * chunkBytes)
    table.setForm(row, { id: toBlobId('derived'), sizeBytes: 4097, fingerprint: 'v1' })
    states.set('derived', { isIn: { memory: false, disk: true } })
    expect([table.bytesIn(row, 'memory'), table.bytesIn(row, 'disk')]).toEqual([
      4096 + 2 * chunkBytes,
      3 * 4096 + 2 * chunkBytes,
    ])
    expect(table.occupiedBytes(row.spec.files)).toBe(4096 + 2 * chunkBytes)
  })

  it('says the fastest tier in which all of the model is', () => {
    const states = new Map<string, Partial<BlobState>>([[aBlob!, { isIn: { memory: true, disk: true } }]])
    const table = new ModelTable(blobsIn(states))
    const row = table.add(specOf(a.id, a.manifest))
    expect(table.tierOf(a.id)).toBe(null)
    states.set(sharedBlob!, { isIn: { memory: false, disk: true } })
    expect(table.tierOf(a.id)).toBe('disk')
    table.setForm(row, { id: toBlobId('derived'), sizeBytes: 1, fingerprint: 'v1' })
    states.set('derived', { isIn: { memory: true, disk: true } })
    expect(table.tierOf(a.id)).toBe('memory')
    expect(table.tierOf('unknown')).toBe(null)
  })
})
