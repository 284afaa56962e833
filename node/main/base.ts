/** What every composing step is given, and what parts made early say to parts made late. */

import type { OpenMiss } from '../../native/index.ts'
import type { Admin } from '../admin/index.ts'
import type { StateReporter } from '../cluster/index.ts'
import type { NodeOptions } from '../config/index.ts'
import type { SocketOpenHandler } from '../doors/store-socket/index.ts'
import type { Joining } from '../life/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { ReplicationController } from '../replication/index.ts'
import type { Clock, Log, NodePaths } from '../system/index.ts'

/** Parts are stopped in the reverse order of this being called. */
export type OnStop = (name: string, stop: () => Promise<unknown> | unknown) => void

export interface Base {
  readonly options: NodeOptions
  readonly paths: NodePaths
  readonly state: StateStore
  readonly clock: Clock
  readonly log: Log
  readonly onStop: OnStop
  readonly late: Late
}

/** Filled in as the parts come to be; whoever reads it copes with null. */
export interface Late {
  desk: SocketOpenHandler | null
  /** Opens that came before the desk; the limits of connections and leases bound them. */
  readonly earlyOpens: OpenMiss[]
  admin: Admin | null
  localState: StateReporter | null
  replication: ReplicationController | null
  joining: Joining | null
  isServing: boolean
}

export function isDraining({ late }: Base): boolean {
  return late.localState?.draining ?? false
}

/** Null when the node is ready for requests: it serves, is not about to stop, and has joined its cluster or counts as alone. */
export function whyNotReady(base: Base): string | null {
  if (isDraining(base)) return 'the node is draining; send requests to another'
  if (!base.late.isServing) return 'the node is starting'
  return base.late.joining?.done === false ? 'the node looks for its cluster (cluster.bootstrap)' : null
}

export function isReady(base: Base): boolean {
  return whyNotReady(base) === null
}
