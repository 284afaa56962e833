/** Another node that may be asked for chunks of a model now. */
import type { Member } from './chunk-home.ts'

export interface PeerSource extends Member {
  readonly rttMs: number | null
  readonly sameZone: boolean
  /** Has the whole model; otherwise it is fetching it. */
  readonly complete: boolean
}
