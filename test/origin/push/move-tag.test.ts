import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { gc, moveTag, pull, type Revision, readHistory, removeRef, rollBack } from '../../../origin/index.ts'
import { earlierManifests, historyKey, rememberRef, revisionsMax } from '../../../origin/refs/ref-history.ts'
import { noise, OriginFixture } from '../fixture.ts'

const now = { graceMs: 0 }
const name = (tag: string) => ({ namespace: 'acme', name: 'm', tag })

let fixture: OriginFixture
beforeEach(async () => {
  fixture = await OriginFixture.create()
})
afterEach(() => fixture.remove())

const key = () => ({ publisherKey: fixture.publisherKey })
const push = async (tag: string, content: string) =>
  fixture.push(await fixture.model(`src-${content}`, { w: noise(content, 5000) }), `acme/m:${tag}`)
const pulled = async (tag: string) => {
  const destination = fixture.path(`out-${Math.random()}`)
  await pull({ name: `acme/m:${tag}`, origin: fixture.origin, destination })
  return readFile(join(destination, 'w'))
}
const history = async (tag: string): Promise<Revision[]> =>
  readHistory(fixture.store, name(tag), await fixture.origin.resolveRef(name(tag)))

describe('a tag', () => {
  test('moves to a model that is there without a byte, and outlives the tag that it was taken from', async () => {
    const { digest } = await push('v1', 'one')
    const before = await fixture.objectKeys('objects/')
    expect(await moveTag({ origin: fixture.origin, name: name('stable'), manifest: digest, ...key() })).toMatchObject({
      moved: true,
      ref: { sequence: 1, tag: 'stable', manifest: digest },
    })
    expect(await fixture.objectKeys('objects/')).toEqual(before)
    expect(await fixture.objectKeys('pushes/')).toEqual([])
    await removeRef(fixture.origin, name('v1'))
    await gc({ origin: fixture.origin, ...now })
    expect(await pulled('stable')).toEqual(noise('one', 5000))
  })

  test('that means it already stays as it is', async () => {
    const { digest, ref } = await push('v1', 'one')
    const again = await moveTag({ origin: fixture.origin, name: name('v1'), manifest: digest, ...key() })
    expect(again).toEqual({ moved: false, ref })
    expect(await fixture.objectKeys('history/')).toEqual([])
  })

  test('remembers what it meant, with sequence and time, and rolls back with a rising sequence', async () => {
    const one = await push('v1', 'one')
    const two = await push('v1', 'two')
    const [first] = await history('v1')
    expect(first!.ref).toEqual(one.ref)
    expect(Math.abs(first!.movedMs - Date.now())).toBeLessThan(60_000)
    const back = await rollBack({ origin: fixture.origin, name: name('v1'), ...key() })
    expect(back).toMatchObject({ moved: true, before: two.ref, ref: { sequence: 3, manifest: one.digest } })
    expect((await history('v1')).map(({ ref }) => ref.sequence)).toEqual([1, 2])
    expect(await pulled('v1')).toEqual(noise('one', 5000))
    const forth = await rollBack({ origin: fixture.origin, name: name('v1'), sequence: 2, ...key() })
    expect(forth.ref).toMatchObject({ sequence: 4, manifest: two.digest })
  })

  test('rolls back to the latest other content: a move to the same content is passed over', async () => {
    const one = await push('v1', 'one')
    await push('v1', 'two')
    await rollBack({ origin: fixture.origin, name: name('v1'), ...key() })
    const three = await push('v1', 'three')
    expect((await rollBack({ origin: fixture.origin, name: name('v1'), ...key() })).ref.manifest).toBe(one.digest)
    expect((await rollBack({ origin: fixture.origin, name: name('v1'), ...key() })).ref.manifest).toBe(three.digest)
  })

  test('tells which sequences there are, and that there is nothing to go back to', async () => {
    await push('v1', 'one')
    const back = (sequence?: number) =>
      rollBack({ origin: fixture.origin, name: name('v1'), ...(sequence === undefined ? {} : { sequence }), ...key() })
    await expect(back()).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await push('v1', 'two')
    await expect(back(9)).rejects.toThrow('has no sequence 9. It has 1, 2.')
    await expect(rollBack({ origin: fixture.origin, name: name('v2'), ...key() })).rejects.toMatchObject({
      code: 'UNKNOWN_MODEL',
    })
  })

  test('keeps its last moves only, and a damaged history counts as empty', async () => {
    const { ref } = await push('v1', 'one')
    for (let sequence = 1; sequence <= revisionsMax + 3; sequence++) {
      const { ref: old } = await push('v1', sequence % 2 === 0 ? 'one' : 'two')
      expect(old.sequence).toBe(sequence + 1)
    }
    const sequences = (await history('v1')).map((revision) => revision.ref.sequence)
    expect(sequences).toHaveLength(revisionsMax)
    expect(sequences.at(-1)).toBe(revisionsMax + 3)
    await fixture.store.put(historyKey(name('v1')), [Buffer.from('rubbish')])
    expect(await history('v1')).toEqual([])
    await rememberRef(fixture.store, name('v1'), { ref, movedMs: 5 }, {})
    expect(await history('v1')).toEqual([{ ref, movedMs: 5 }])
  })

  test('forgets its history when it is removed', async () => {
    await push('v1', 'one')
    await push('v1', 'two')
    await removeRef(fixture.origin, name('v1'))
    expect(await fixture.objectKeys('history/')).toEqual([])
    expect((await push('v1', 'three')).ref.sequence).toBe(4)
  })
})

describe('gc and the history of a tag', () => {
  test('one earlier revision stays whole, older ones are freed, and a rollback to those says so', async () => {
    await push('v1', 'one')
    const two = await push('v1', 'two')
    const three = await push('v1', 'three')
    expect(await gc({ origin: fixture.origin, ...now })).toMatchObject({
      models: 1,
      earlierRevisions: 1,
      incomplete: [],
    })
    const back = (sequence: number) => rollBack({ origin: fixture.origin, name: name('v1'), sequence, ...key() })
    const lost = back(1)
    await expect(lost).rejects.toMatchObject({ code: 'ORIGIN_NOT_FOUND' })
    await expect(lost).rejects.toThrow('gc freed it. Push the model again.')
    expect((await fixture.origin.resolveRef(name('v1'))).manifest).toBe(three.digest)
    expect((await back(2)).ref.manifest).toBe(two.digest)
    expect(await pulled('v1')).toEqual(noise('two', 5000))
  })

  test('keepRevisions 0 frees all but what tags mean', async () => {
    await push('v1', 'one')
    await push('v1', 'two')
    expect(await gc({ origin: fixture.origin, ...now, keepRevisions: 0 })).toMatchObject({ manifestsDeleted: 1 })
    await expect(rollBack({ origin: fixture.origin, name: name('v1'), ...key() })).rejects.toMatchObject({
      code: 'ORIGIN_NOT_FOUND',
    })
  })

  test('a pack that only part of the revision is left in is gone for the revision', async () => {
    const source = await fixture.model('both', { keep: noise('keep', 3000), drop: noise('drop', 50_000) })
    const { digest } = await fixture.push(source, 'acme/m:v1')
    await fixture.push(await fixture.model('kept', { keep: noise('keep', 3000) }), 'acme/kept')
    await removeRef(fixture.origin, name('v1'))
    await gc({ origin: fixture.origin, ...now })
    await expect(
      moveTag({ origin: fixture.origin, name: name('v2'), manifest: digest, ...key() }),
    ).rejects.toMatchObject({ code: 'ORIGIN_NOT_FOUND' })
    expect(await fixture.objectKeys('refs/acme/m/')).toEqual([])
  })

  test('what earlier manifests are: the latest that differ from now and from each other', async () => {
    const [a, b] = [await push('v1', 'one'), await push('v1', 'two')]
    const revisions = [a, b, a, b].map(({ ref }) => ({ ref, movedMs: 0 }))
    expect(earlierManifests(b.ref, revisions, 5)).toEqual([a.digest])
    expect(earlierManifests(a.ref, revisions, 0)).toEqual([])
  })
})
