/** What a node has lost the others know within seconds, in a cluster where everybody has models and messages are lost. */
import { expect, test } from 'vitest'
import { createWorld, replayHint } from './support/worlds.ts'

const file = 'test/sim/adverts.test.ts'

test.each([{ lossPercent: 0 }, { lossPercent: 10 }])(
  'an evicted model is named as held by nobody else within 3 s, with $lossPercent % of the messages lost',
  ({ lossPercent }) => {
    const cluster = createWorld({ 'gossip.lossPercent': lossPercent })
    cluster.start()
    for (const [at, node] of cluster.nodes.entries()) node.preload([cluster.models[at % cluster.models.length]!])
    cluster.run(60_000)
    const [loser, ...others] = cluster.nodes
    const model = cluster.models[0]!
    const believers = () =>
      others.filter(({ core }) => core.holders(model.id, cluster.queue.nowMs).some(({ node }) => node === loser!.id))
    expect(believers().length, replayHint(cluster, file)).toBe(others.length)
    for (const tier of ['memory', 'disk'] as const) loser!.release(model, tier, 'test')
    cluster.run(3_000)
    expect(loser!.holds(model)).toBe(false)
    expect(
      believers().map(({ id }) => id),
      replayHint(cluster, file),
    ).toEqual([])
  },
)
