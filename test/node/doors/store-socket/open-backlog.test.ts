import { expect, it } from 'vitest'
import type { OpenMiss } from '../../../../native/index.ts'
import { OpenBacklog } from '../../../../node/doors/store-socket/open-backlog.ts'

const miss = (requestId: number) => ({ requestId }) as OpenMiss

it('keeps opens that come early until there is a handler, in their order', () => {
  const backlog = new OpenBacklog()
  const handled: unknown[] = []
  backlog.push(miss(1))
  backlog.push(miss(2))
  backlog.serve(({ requestId }) => handled.push(requestId))
  expect(handled).toEqual([1, 2])
  backlog.push(miss(3))
  expect(handled).toEqual([1, 2, 3])
})
