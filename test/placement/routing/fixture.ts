/** Views of a cold model of 100 MB, for tests of routes and of the parts of their times. */
import type { SourceView } from '../../../common/index.ts'
import type { RouteHolder, RouteView } from '../../../placement/index.ts'

export const mb = 1_000_000
export const origin: SourceView = { source: 'origin', latencyMs: 100, bandwidthBytesPerS: 100 * mb }
export const fastPeer: SourceView = { source: 'peer', node: 'p', latencyMs: 1, bandwidthBytesPerS: 10_000 * mb }

export const holder = (node: string, other: Partial<RouteHolder> = {}): RouteHolder => ({
  node,
  tier: 'memory',
  rttMs: 10,
  queueMs: 0,
  suspected: false,
  draining: false,
  sameZone: true,
  ...other,
})

export type ViewParts = Partial<Omit<RouteView, 'self' | 'model'>> & {
  self?: Partial<RouteView['self']>
  model?: Partial<RouteView['model']>
}

/** A cold model of 100 MB: 1000 ms of bytes, 100 ms of latency and 200 ms of init from the origin; 200 + 200 ms from disk. */
export const view = ({ self, model, ...other }: ViewParts = {}): RouteView => ({
  model: { id: 'm', sizeBytes: 100 * mb, initMs: 200, ...model },
  self: { node: 'self', tier: null, queueMs: 0, diskBandwidthBytesPerS: 500 * mb, runnable: true, ...self },
  holders: [],
  sources: [origin],
  context: { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY },
  mayForward: true,
  excluded: [],
  ...other,
})

export const firstDrawn = () => 0
export const within = (deadlineMs: number) => ({ context: { tenant: 'public', deadlineMs } })
