/** The protocol of a node. See events.ts for what goes in and comes out. */

export { type Holder, type ModelChange, toMicro } from './cluster/body-diff.ts'
export { clampClocks, clockAheadMsMax } from './cluster/clamp-clocks.ts'
export {
  ConnectionRings,
  type ConnectionRingsOptions,
  defaultConnectionRingsOptions,
  type Place,
} from './cluster/connection-rings.ts'
export { checkEntry } from './cluster/entry-check.ts'
export { defaultEntryLimits, type EntryLimits } from './cluster/entry-checker.ts'
export type { IdPacker } from './cluster/entry-field.ts'
export { decodeBody, diffEntries, encodeBody } from './cluster/entry-format.ts'
export { entriesBytes, entryBytes, summaryBytes } from './cluster/entry-size.ts'
export { GossipPace, isForegroundKind, roughBytes } from './cluster/gossip-pace.ts'
export { Interner } from './cluster/interner.ts'
export type { LedgerStorage, StorageOptions } from './cluster/ledger-storage.ts'
export { changedNodes, isEqualNodes, isSameResident, type ModelNodes, modelNodes } from './cluster/model-nodes.ts'
export { NodeFacts } from './cluster/node-facts.ts'
export { compareIds, indexOfSorted } from './cluster/order.ts'
export { changedPin, type PinReader } from './cluster/pin-set.ts'
export {
  type ConnectionPlan,
  type ConnectionPlanOptions,
  type ConnectionsView,
  defaultConnectionPlanOptions,
  planConnections,
  type Unusable,
} from './cluster/plan-connections.ts'
export { markOf } from './cluster/state-marks.ts'
export { isNamespaceName, isReservedTenantName, isTenantName } from './cluster/tenant-names.ts'
export { changedTenant, quotasIn, type TenantReader, weightIn } from './cluster/tenant-set.ts'
export { compareVersions, kindNumbers, sumCount, type Version, versionHash } from './cluster/version.ts'
export * from './events.ts'
export { errorOf, type Failure, failureOf } from './failure.ts'
export {
  defaultHandoverMachineOptions,
  type HandoverEffect,
  type HandoverEvent,
  HandoverMachine,
  type HandoverMachineOptions,
  type TakeId,
  takeContext,
} from './life/handover-machine.ts'
export {
  defaultLeaveOptions,
  type LeaveEffect,
  type LeaveEvent,
  LeaveMachine,
  type LeaveOptions,
  type LeaveStep,
} from './life/leave-machine.ts'
export { type CopyNodeFacts, copyFacts, diskMs, type LocalCopyFacts } from './models/copy-worth.ts'
export { ModelMachine } from './models/model-machine.ts'
export { type BlobPlaces, type ModelRow, ModelTable } from './models/model-table.ts'
export type { ModelFacts } from './models/ports.ts'
export type {
  BlobRef,
  FormBlob,
  Goal,
  ModelEffect,
  ModelEvent,
  ModelSpec,
  OpId,
  WantId,
} from './models/types.ts'
export type { RefFacts } from './names/known-refs.ts'
export { ModelClaims } from './names/model-claims.ts'
export { NameMachine } from './names/name-machine.ts'
export { isAnswer } from './names/origin-answer.ts'
export * from './names/types.ts'
export { unknownManifest, unknownName } from './names/unknown.ts'
export { NodeCore, type NodeCorePorts } from './node-core.ts'
export { defaultNodeCoreOptions, localStatePeriodMs, type NodeCoreOptions } from './options.ts'
export { StepQueue, type Timeless } from './queue.ts'
export { PinProtection } from './replication/pin-protection.ts'
export {
  defaultReplicationRoundOptions,
  ReplicationRound,
  type ReplicationRoundOptions,
  type ReplicationRoundPorts,
  type RoundEffect,
  type RoundEvent,
  replicationContext,
} from './replication/replication-round.ts'
export { LoadProfile, type SavedProfile } from './requests/load-profile.ts'
export type { LoadTimes } from './requests/load-times.ts'
export { RequestMachine } from './requests/request-machine.ts'
export * from './requests/types.ts'
export { FairQueue, type QueueKeys } from './transfer/fair-queue.ts'
export {
  defaultFetchHistoryOptions,
  FetchHistory,
  type FetchHistoryOptions,
  type FetchNews,
} from './transfer/fetch-history.ts'
export type { FetchSource, FetchState, FetchSummary, FetchTimeline, TimelineEntry } from './transfer/fetch-views.ts'
export { type ChunkAsk, type ChunkRanges, type Progress, progressBytes } from './transfer/progress.ts'
export type { HolderView, MemberView, RouteRequest } from './views/cluster-view.ts'
export { type KnownModel, type LocalModelFacts, type LocalModels, localModels } from './views/local-models.ts'
export { nearestHolders, nearestPeers } from './views/nearest.ts'
export type { CopyFacts, CopyWorth, LocalCopy, LocalPlacement } from './views/placement-view-builder.ts'
