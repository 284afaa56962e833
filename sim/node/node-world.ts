/** What all nodes of one simulated world share: of each part of a node what that part needs. */

import type { NodeCoreOptions } from '../../core/index.ts'
import type { SharedLedgers } from '../shared-ledger/index.ts'
import type { SimModel } from '../world/models.ts'
import type { ChunkPeer, ChunksWorld } from './chunk-mover.ts'
import type { DirectoryPeer, DirectoryWorld } from './directory.ts'
import type { ForwardingWorld } from './forwarding.ts'
import type { LeaveWorld, TakingNode } from './leave.ts'
import type { MessengerWorld, ReceivingNode } from './messenger.ts'
import type { ModelsWorld } from './models.ts'
import type { ReplicationWorld } from './replication.ts'
import type { RequestsWorld } from './requests-world.ts'

/** A node as the parts of other nodes know it. */
export interface OtherNode extends ChunkPeer, DirectoryPeer, ReceivingNode, TakingNode {}

export interface World
  extends ChunksWorld,
    DirectoryWorld,
    ForwardingWorld,
    LeaveWorld,
    MessengerWorld,
    ModelsWorld,
    ReplicationWorld,
    RequestsWorld {
  readonly core: NodeCoreOptions
  readonly models: readonly SimModel[]
  readonly ledgers: SharedLedgers
  readonly nodes: readonly OtherNode[]
  /** Every message between cores comes so much later: faults and comparisons set it. Quiet: placement moves nothing more. */
  readonly control: { readonly delayMs: number; readonly isQuiet: boolean }
}
