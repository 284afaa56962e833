/** Expected wait of a request that arrives now: what the queued requests will take, spread over the workers. */
import type { ModelId } from '../../common/index.ts'
import type { LoadTimes } from '../../core/index.ts'
import type { Runtime } from '../ports/index.ts'

export interface QueueEstimatePorts {
  readonly runtime: Pick<Runtime, 'queued'>
  readonly times: Pick<LoadTimes, 'executeMs'>
  readonly loaded: () => Iterable<readonly [ModelId, { readonly runtimeDigest: string }]>
  readonly workerCount: number
}

export function queueMs(ports: QueueEstimatePorts): number {
  let sumMs = 0
  // Models with equal bytes share a session, and its queue.
  const counted = new Set<string>()
  for (const [model, { runtimeDigest }] of ports.loaded()) {
    if (counted.has(runtimeDigest)) continue
    counted.add(runtimeDigest)
    sumMs += ports.runtime.queued(runtimeDigest) * ports.times.executeMs(model)
  }
  return sumMs / ports.workerCount
}
