/** Which of several fetches asks first, and what it tells of its hurry. */
import { describe, expect, test } from 'vitest'
import { Fetch } from '../../../core/transfer/fetch.ts'
import { defaultFetchPlanOptions } from '../../../core/transfer/fetch-plan.ts'
import { CoreFixture, chunksOf, digest, only } from '../fixture.ts'

const endless = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
const within = (deadlineMs: number) => ({ tenant: 'public', deadlineMs })

describe('a fetch that several wait for', () => {
  test('goes on for the one that waits longest, and is needed by the one that waits shortest', () => {
    const fetch = new Fetch('m', endless, true, 0)
    expect(fetch.context(50)).toEqual(endless)
    fetch.join(within(500), true, 100)
    expect(fetch.context(200)).toEqual({ ...endless, dueMs: 400 })
    fetch.join(within(100), true, 200)
    expect(fetch.context(250)).toEqual({ ...endless, dueMs: 50 })
    expect(fetch.context(301)).toEqual(endless)
  })

  test('has one time when one waits', () => {
    expect(new Fetch('m', within(500), true, 0).context(100)).toEqual(within(400))
  })
})

describe('fetches at one time', () => {
  const models = ['patient', 'urgent', 'endless'].map((name) => digest(name))
  const [patient, urgent, atNoTime] = models as [string, string, string]

  const begin = (node: CoreFixture, model: string, deadlineMs: number) => {
    const context = within(deadlineMs)
    return only(
      node.step({ kind: 'fetch', model, chunks: chunksOf(model, 4), context, originAllowed: true }),
      'get-chunk',
    )
  }
  const narrow = (over: Partial<typeof defaultFetchPlanOptions> = {}) =>
    new CoreFixture({ core: { fetch: { ...defaultFetchPlanOptions, flightsMax: 2, flightsAtOriginMax: 2, ...over } } })

  test('ask in the order of their slack', () => {
    const node = narrow()
    const first = begin(node, atNoTime, Number.POSITIVE_INFINITY)
    expect(first.map(({ model }) => model)).toEqual([atNoTime, atNoTime])
    begin(node, patient, 20_000)
    begin(node, urgent, 5_000)
    const asked = [...node.done(first[0]!), ...node.done(first[1]!)]
    expect(only(asked, 'get-chunk').map(({ model }) => model)).toEqual([urgent, urgent])
  })

  test('pass one that is needed at no certain time no longer than the patience', () => {
    const node = narrow({ patienceMs: 3_000 })
    const first = begin(node, atNoTime, Number.POSITIVE_INFINITY)
    begin(node, urgent, 5_000)
    expect(only(node.done(first[0]!), 'get-chunk').map(({ model }) => model)).toEqual([atNoTime])
  })

  test('ask in the order in which they began where none is needed by a time', () => {
    const node = narrow()
    const first = begin(node, atNoTime, Number.POSITIVE_INFINITY)
    begin(node, urgent, Number.POSITIVE_INFINITY)
    expect(only(node.done(first[0]!), 'get-chunk').map(({ model }) => model)).toEqual([atNoTime])
  })
})
