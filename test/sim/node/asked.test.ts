import { expect, test } from 'vitest'
import { createPrng } from '../../../common/prng.ts'
import { RateDemand } from '../../../placement/demand/rate-demand.ts'
import { createEvictionPolicy } from '../../../placement/eviction/index.ts'
import { Asked, ToldDemand } from '../../../sim/node/asked.ts'
import { parseScenario } from '../../../sim/scenario/scenario.ts'
import { createModels } from '../../../sim/world/models.ts'

const { models: fields } = parseScenario({
  schema: 'holdfast.scenario.v1',
  name: 'asked',
  durationS: 1,
  drawnSites: { count: 1 },
  models: { count: 4 },
})

test('who is told late answers as if told at once, however many requests lie between two questions', () => {
  const random = createPrng(5)
  const models = createModels(fields, null, random.child('models'))
  const [demandAtOnce, policyAtOnce] = [new RateDemand(), createEvictionPolicy('holdfast')]
  const policy = createEvictionPolicy('holdfast')
  const demand: RateDemand = new ToldDemand(() => asked.tell())
  const asked = new Asked(models, { demand, policies: [policy] })
  let nowMs = 0
  for (let question = 0; question < 30; question += 1) {
    // Often more than are noted before they are told of themselves.
    for (let left = random.int(400); left > 0; left -= 1) {
      nowMs += random.int(2_000)
      const model = models[random.int(models.length)]!
      const isForwarded = random.chance(1, 3)
      asked.note(model, nowMs, isForwarded)
      if (!isForwarded) demandAtOnce.record(model.id, nowMs)
      policyAtOnce.onRequest(model.id, nowMs)
    }
    nowMs += random.int(10_000)
    expect(demand.top(models.length, nowMs)).toEqual(demandAtOnce.top(models.length, nowMs))
    for (const { id } of models) {
      expect(demand.ratePerS(id, nowMs)).toBe(demandAtOnce.ratePerS(id, nowMs))
      expect(policy.expectedRatePerS?.(id, nowMs)).toBe(policyAtOnce.expectedRatePerS?.(id, nowMs))
    }
  }
})
