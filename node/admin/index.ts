export {
  Admin,
  AdminTokens,
  adminCache,
  type BanView,
  type EvictionView,
  type InvalidationReport,
  type NodeStatus,
  type PinView,
  type PlacementPlanView,
  type PrefetchView,
  type ReplicaPinView,
  readAdminTokens,
  type ScrubView,
  SecretFiles,
} from './admin.ts'
export { generateAdminToken, loadAdminTokens } from './admin-tokens.ts'
export { type ClusterMember, type ModelView, NodeViews } from './node-views.ts'
export { resolveReference } from './ports.ts'
export { withoutCredentials } from './status.ts'
