import { afterEach, beforeEach, expect, it } from 'vitest'
import { LoadProfile } from '../../../../core/requests/load-profile.ts'
import { copyWorth } from '../../../../node/models/copy-worth.ts'
import { specOf } from '../../../../node/models/model-table.ts'
import { bytesOf, modelOf } from '../../../support/models.ts'
import { CacheFixture } from './fixture.ts'

const model = modelOf({ 'model.onnx': bytesOf(200_000, 'm') })
let fixture: CacheFixture

beforeEach(async () => {
  fixture = await new CacheFixture().prepare()
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

it('tells what a miss costs: nothing known is dear, a near peer is cheap', async () => {
  const { core, clock } = fixture.driving
  const { table } = fixture
  const node = { times: new LoadProfile(), diskBytesPerS: 1e9, hasOrigin: true, soonRatePerS: () => null }
  const worth = () => copyWorth({ core, table, node, isRunnable: () => true, clock }, model.id, 'disk')
  expect(worth().missCostMs).toBe(Number.POSITIVE_INFINITY)
  fixture.table.add(specOf(model.id, model.manifest))
  const fromOrigin = worth().missCostMs
  // Of all nodes that have it one is the primary holder, to which it is the last copy; among four it is not this node.
  for (const peer of ['near', 'nearer', 'nearest']) {
    fixture.driving.peer(peer, [model.id])
    fixture.driving.driver.dispatch({ kind: 'rtt-measured', node: peer, rttMs: 0.1 })
  }
  clock.advance(10_000)
  expect(worth().missCostMs).toBeLessThan(fromOrigin)
})
