/** The kinds of faults, and what each needs. */
export const faultKinds = [
  'kill',
  'stop',
  'partition-zones',
  'partition-in-zone',
  'loss',
  'origin-away',
  'origin-hanging',
  'origin-slow',
  'byte-flip',
  'truncation',
  'full-disk',
  'worker-kill',
  'client-kill',
  'tag-moved',
  'clock-forward',
  'clock-back',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** Of the world, not of one node. */
const ofTheWorld: ReadonlySet<FaultKind> = new Set([
  'partition-zones',
  'loss',
  'origin-away',
  'origin-hanging',
  'origin-slow',
  'tag-moved',
])

export function isOfOneNode(kind: FaultKind): boolean {
  return !ofTheWorld.has(kind)
}

export interface Fault {
  readonly kind: FaultKind
  /** Index of the node, null for a fault of the world. */
  readonly node: number | null
  /** From the first request. */
  readonly beginS: number
  readonly endS: number
}
