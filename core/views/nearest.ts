/** Other nodes that may be used now, the nearest first: by the round trips that were measured. */
import type { ModelId, NodeId } from '../../common/index.ts'
import type { HolderView, MemberView } from './cluster-view.ts'

export interface NearestView {
  members(nowMs: number): readonly MemberView[]
  holders(model: ModelId, nowMs: number): readonly HolderView[]
}

/** Connected nodes. Those to which no round trip was measured yet come last. */
export function nearestPeers(view: Pick<NearestView, 'members'>, nowMs: number): NodeId[] {
  return view
    .members(nowMs)
    .filter(({ isSelf, connected, suspected }) => !isSelf && connected && !suspected)
    .sort((a, b) => (a.rttMs ?? Number.MAX_VALUE) - (b.rttMs ?? Number.MAX_VALUE))
    .map(({ node }) => node)
}

/** Nodes that have the model complete. */
export function nearestHolders(view: Pick<NearestView, 'holders'>, model: ModelId, nowMs: number): HolderView[] {
  return view
    .holders(model, nowMs)
    .filter(({ suspected }) => !suspected)
    .sort((a, b) => a.rttMs - b.rttMs)
}
