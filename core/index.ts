/** The protocol of a node. See events.ts for what goes in and comes out. */

export { checkEntry, defaultEntryLimits, type EntryLimits } from './cluster/entry-check.ts'
export { digestBytes, entriesBytes, entryBytes } from './cluster/entry-size.ts'
export { FormedEntries } from './cluster/formed-entries.ts'
export { compareIds, Interner } from './cluster/interner.ts'
export { sumCount } from './cluster/ledger.ts'
export { changedPin } from './cluster/pin-set.ts'
export { compareVersions, type Version } from './cluster/version.ts'
export * from './events.ts'
export { NodeCore, type NodeCorePorts } from './node-core.ts'
export { defaultNodeCoreOptions, type NodeCoreOptions } from './options.ts'
export type { HolderView, MemberView, RouteRequest } from './views/cluster-view.ts'
export type { CopyFacts, CopyWorth, LocalCopy, LocalPlacement } from './views/placement-view-builder.ts'
