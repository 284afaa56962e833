import { describe, expect, it } from 'vitest'
import { NodeViews } from '../../../../node/admin/node-views.ts'
import type { ModelDirectory } from '../../../../node/models/model-directory.ts'
import { stateBody } from '../../../core/fixture.ts'
import { bytesOf, modelOf } from '../../../support/models.ts'
import { CacheFixture } from '../models/fixture.ts'

describe('NodeViews', () => {
  it('shows members with what they hold, and every model that anybody named or has', async () => {
    await using fixture = await new CacheFixture().prepare()
    const [here, there] = [modelOf({ 'model.onnx': bytesOf(1_000, 'here') }), modelOf({ w: bytesOf(10, 'there') })]
    fixture.origin.add(here)
    const { core, driver, clock } = fixture.driving
    const names = [
      { name: 'acme/m:v2', ref: { manifest: here.id } },
      { name: 'acme/m:latest', ref: { manifest: here.id } },
    ]
    const views = new NodeViews({
      self: 'self',
      core,
      clock,
      directory: { knownNames: () => names } as unknown as ModelDirectory,
      table: fixture.table,
      cache: fixture.cache,
      ratePerS: (model) => (model === here.id ? 2 : 0),
    })
    expect(views.members()).toEqual([])
    driver.dispatch({ kind: 'local-state', body: stateBody({ zone: 'home' }) })
    fixture.driving.peer('b', [there.id])
    await fixture.run(here)
    expect(views.members().map(({ node, isSelf, zone, models }) => ({ node, isSelf, zone, models }))).toEqual([
      { node: 'b', isSelf: false, zone: 'berlin', models: [{ model: there.id, tier: 'memory', sizeBytes: 1_000_000 }] },
      { node: 'self', isSelf: true, zone: 'home', models: [{ model: here.id, tier: 'memory', sizeBytes: 1_000 }] },
    ])
    const own = {
      tier: 'memory',
      sizeBytes: 1_000,
      isLoaded: true,
      weights: 'shared',
      ratePerS: 2,
      loading: null,
      holders: [],
    }
    const other = { tier: null, sizeBytes: null, isLoaded: false, weights: null, ratePerS: 0, loading: null }
    const shown = [
      { model: here.id, names: ['acme/m:latest', 'acme/m:v2'], ...own },
      { model: there.id, names: [], ...other, holders: [{ node: 'b', tier: 'memory' }] },
    ]
    expect(views.models()).toEqual(shown.sort((a, b) => (a.model < b.model ? -1 : 1)))
  })
})
