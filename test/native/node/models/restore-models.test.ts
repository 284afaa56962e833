import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toBlobId } from '../../../../common/index.ts'
import { derivedKey } from '../../../../node/models/derived-forms.ts'
import { ModelDirectory } from '../../../../node/models/model-directory.ts'
import { restoreModels } from '../../../../node/models/restore-models.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { blobIdOf } from '../../../../origin/index.ts'
import { bytesOf, modelOf } from '../../../support/models.ts'
import { CacheFixture } from './fixture.ts'

const peers = { refs: async () => [], async *manifests() {} }

async function restored(fixture: CacheFixture) {
  const { state, table, store } = fixture
  const { clock } = fixture.driving
  const directory = new ModelDirectory(
    { origin: null, peers, state, clock, log: silentLog },
    { freshMs: 1_000, manifestsMax: 10 },
  )
  return restoreModels({ directory, state, table, store, log: silentLog })
}

describe('restoreModels', () => {
  const kept = modelOf({ 'model.onnx': bytesOf(100_000, 'kept') })
  const gone = modelOf({ 'model.onnx': bytesOf(100_000, 'gone') })

  it('takes up models that are here with their derived form, drops blobs that nobody knows, leaves others out', async () => {
    await using fixture = await new CacheFixture().prepare()
    fixture.origin.add(kept, gone)
    const { runtimeDigest } = await fixture.run(kept)
    // Its manifest was never kept: what lies on disk belongs to nobody.
    await fixture.open(gone)
    for (const { id, manifestBytes } of [kept, modelOf({ w: bytesOf(10, 'elsewhere') })]) {
      await fixture.state.put(`manifest/${id}`, Buffer.from(manifestBytes).toString())
    }
    await fixture.restart()
    const { rows } = await restored(fixture)
    expect(rows.map(({ spec, form }) => [spec.model, form?.id])).toEqual([[kept.id, runtimeDigest]])
    const blobs = fixture.store.blobs().map(({ id }) => id)
    expect(blobs.sort()).toEqual([blobIdOf(kept.manifest.files[0]!), runtimeDigest].sort())
    expect([...fixture.table.all()]).toEqual(rows)
  })

  it.each(['source', 'form'])('gives up a %s that was cut short while the node was down', async (what) => {
    await using fixture = await new CacheFixture().prepare()
    fixture.origin.add(kept)
    const { runtimeDigest } = await fixture.run(kept)
    await fixture.state.put(`manifest/${kept.id}`, Buffer.from(kept.manifestBytes).toString())
    const source = blobIdOf(kept.manifest.files[0]!)
    const cut = what === 'source' ? source : runtimeDigest
    await fixture.restart((diskPath) => truncateSync(join(diskPath, 'blobs', cut.slice(0, 2), cut), 7))
    const { rows } = await restored(fixture)
    expect(fixture.store.blob(toBlobId(cut))).toBe(null)
    fixture.cache.start(rows)
    await fixture.open(kept)
    await fixture.run(kept)
    expect(fixture.store.blob(source)).toMatchObject({ sizeBytes: 100_000, isIn: { memory: true, disk: true } })
  })

  it.each([
    { id: 'nothing', record: 7 },
    { id: 'a bad digest', record: { derived: { id: '../x', sizeBytes: 1, fingerprint: 'v1' } } },
    { id: 'a bad size', record: { derived: { id: '0'.repeat(64), sizeBytes: -1, fingerprint: 'v1' } } },
    { id: 'no fingerprint', record: { derived: { id: '0'.repeat(64), sizeBytes: 1 } } },
  ])('makes the derived form again when its record says $id', async ({ record }) => {
    await using fixture = await new CacheFixture().prepare()
    fixture.origin.add(kept)
    await fixture.run(kept)
    await fixture.state.put(`manifest/${kept.id}`, Buffer.from(kept.manifestBytes).toString())
    await fixture.state.put(derivedKey(kept.id), record)
    await fixture.restart()
    const { rows } = await restored(fixture)
    expect(rows[0]!.form).toBe(null)
    fixture.cache.start(rows)
    await fixture.run(kept)
    expect(fixture.runtime.derived).toHaveLength(2)
  })
})
