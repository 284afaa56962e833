/** The protocol of a node. See events.ts for what goes in and comes out. */
export type { HolderView, MemberView, RouteRequest } from './cluster-view.ts'
export { checkEntry, defaultEntryLimits, type EntryLimits } from './entry-check.ts'
export * from './events.ts'
export { compareIds, Interner } from './interner.ts'
export { NodeCore, type NodeCorePorts } from './node-core.ts'
export { defaultNodeCoreOptions, type NodeCoreOptions } from './options.ts'
export { compareVersions, type Version } from './version.ts'
