/** What all nodes of one simulated world share. */

import type { ModelId, NodeId } from '../../common/index.ts'
import type { Interner, NodeCoreOptions } from '../../core/index.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Forming } from '../network/forming.ts'
import type { KeptConnections } from '../network/kept-connections.ts'
import type { Network } from '../network/network.ts'
import type { Topology } from '../network/topology.ts'
import type { Transport } from '../network/transport.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { SharedLedgers } from '../shared-ledger/index.ts'
import type { EventLog } from '../world/event-log.ts'
import type { EventQueue } from '../world/event-queue.ts'
import type { SimModel } from '../world/models.ts'
import type { Revisions } from '../world/revisions.ts'
import type { SimOrigin } from '../world/sim-origin.ts'
import type { ForwardingWorld } from './forwarding.ts'
import type { RequestsWorld } from './requests-world.ts'
import type { SimNode } from './sim-node.ts'

export interface World extends RequestsWorld, ForwardingWorld {
  readonly scenario: Scenario
  readonly core: NodeCoreOptions
  readonly queue: EventQueue
  readonly topology: Topology
  readonly network: Network
  readonly transport: Transport
  readonly origin: SimOrigin
  readonly models: readonly SimModel[]
  readonly byId: ReadonlyMap<ModelId, SimModel>
  readonly revisions: Revisions
  readonly ids: readonly NodeId[]
  readonly nodes: readonly SimNode[]
  readonly ledgers: SharedLedgers
  readonly interner: Interner
  readonly metrics: Metrics
  /** Null when nobody reads it: a line per event is most of the time of a large run. */
  readonly log: EventLog | null
  readonly forming: Forming
  /** For models, between nodes. */
  readonly connections: KeptConnections
  /** Every message between cores comes so much later: faults and comparisons set it. Quiet: placement moves nothing more. */
  control: { delayMs: number; isQuiet: boolean }
  /** The node is gone: by a fault, or because it left. */
  crash(node: SimNode): void
}
