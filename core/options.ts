/** Options of a node's core, composed from those of its parts. Every default carries its reason where it is declared. */

import { defaultGossipPaceOptions, type GossipPaceOptions } from './cluster/gossip-pace.ts'
import { defaultLedgerOptions, type LedgerOptions } from './cluster/ledger.ts'
import { defaultMembershipOptions, type MembershipOptions } from './cluster/membership.ts'
import { defaultPinSetOptions, type PinSetOptions } from './cluster/pin-set.ts'
import { defaultPublisherOptions, type PublisherOptions } from './cluster/publisher.ts'
import { defaultReconcileOptions, type ReconcileOptions } from './cluster/reconcile.ts'
import { defaultSignificanceOptions, type SignificanceOptions } from './cluster/significance.ts'
import { defaultTenantSetOptions, type TenantSetOptions } from './cluster/tenant-set.ts'
import { defaultFetchPlanOptions, type FetchPlanOptions } from './transfer/fetch-plan.ts'
import { defaultSiteBudgetOptions, type SiteBudgetOptions } from './transfer/site-budget.ts'
import { defaultSourceStatsOptions, type SourceStatsOptions } from './transfer/source-stats.ts'
import { type ClusterViewOptions, defaultClusterViewOptions } from './views/cluster-view.ts'

/** How often an adapter looks at what its node is and how it does. Reading is cheap, and the core says only what changed enough. */
export const localStatePeriodMs = 500

export interface NodeCoreOptions {
  readonly ledger: LedgerOptions
  readonly membership: MembershipOptions
  readonly publisher: PublisherOptions
  readonly pace: GossipPaceOptions
  readonly significance: SignificanceOptions
  readonly reconcile: ReconcileOptions
  readonly sources: SourceStatsOptions
  readonly site: SiteBudgetOptions
  readonly fetch: FetchPlanOptions
  readonly view: ClusterViewOptions
  readonly pins: PinSetOptions
  readonly tenants: TenantSetOptions
  /**
   * This node serves the verified chunks of models that are still on their way in. Then it says what it fetches, and a crowd that
   * wants one cold model costs the origin about two copies instead of one per node. Off unless the adapter can: a node that is asked
   * for such chunks and never has them only costs others time.
   */
  readonly sharesPartialModels: boolean
  /** A fetch that is under way for so long is told to others even if a holder has the model: what comes is shared. */
  readonly announceAfterMs: number
  /** Time between two looks for silent nodes: a scan of the whole ledger, for something that takes minutes. */
  readonly expiryCheckMs: number
  /** Time between two looks at our own demand; publishing has its own interval. */
  readonly demandCheckMs: number
  /** With fetches under way, the time between two looks for flights that take too long and sources that are free again. */
  readonly fetchLookMs: number
  /** Rates below one request in a quarter of an hour are forgotten. */
  readonly demandRatePerSMin: number
}

export const defaultNodeCoreOptions: NodeCoreOptions = {
  ledger: defaultLedgerOptions,
  membership: defaultMembershipOptions,
  publisher: defaultPublisherOptions,
  pace: defaultGossipPaceOptions,
  significance: defaultSignificanceOptions,
  reconcile: defaultReconcileOptions,
  sources: defaultSourceStatsOptions,
  site: defaultSiteBudgetOptions,
  fetch: defaultFetchPlanOptions,
  view: defaultClusterViewOptions,
  pins: defaultPinSetOptions,
  tenants: defaultTenantSetOptions,
  sharesPartialModels: false,
  announceAfterMs: 500,
  expiryCheckMs: 5_000,
  demandCheckMs: 1_000,
  fetchLookMs: 100,
  demandRatePerSMin: 0.001,
}
