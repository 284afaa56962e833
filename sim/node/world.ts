/** What all nodes of one simulated world share. */
import type { Interner } from '../../node/core/index.ts'
import type { NodeCoreOptions } from '../../node/core/options.ts'
import type { ModelId, NodeId } from '../../placement/types.ts'
import type { EventLog } from '../event-log.ts'
import type { EventQueue } from '../event-queue.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Network } from '../network.ts'
import type { Scenario } from '../scenario.ts'
import type { Forming } from '../world/forming.ts'
import type { KeptConnections } from '../world/kept-connections.ts'
import type { SimModel } from '../world/models.ts'
import type { SimOrigin } from '../world/sim-origin.ts'
import type { Topology } from '../world/topology.ts'
import type { Transport } from '../world/transport.ts'
import type { SimNode } from './sim-node.ts'

export interface World {
  readonly scenario: Scenario
  readonly core: NodeCoreOptions
  readonly queue: EventQueue
  readonly topology: Topology
  readonly network: Network
  readonly transport: Transport
  readonly origin: SimOrigin
  readonly models: readonly SimModel[]
  readonly byId: ReadonlyMap<ModelId, SimModel>
  readonly ids: readonly NodeId[]
  readonly nodes: readonly SimNode[]
  readonly interner: Interner
  readonly metrics: Metrics
  /** Null when nobody reads it: a line per event is most of the time of a large run. */
  readonly log: EventLog | null
  readonly forming: Forming
  /** For models, between nodes. */
  readonly connections: KeptConnections
  /** Every message between cores comes so much later: faults and comparisons set it. Quiet: placement moves nothing more. */
  control: { delayMs: number; isQuiet: boolean }
}
