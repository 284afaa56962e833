/** All know what all have: in a cluster that is whole and had quiet time. */
import { compareVersions, type SummaryItem } from '../../core/index.ts'
import type { Cluster } from '../cluster.ts'

/** The newest entries anywhere, by kind and node. */
export type Published = ReadonlyMap<string, SummaryItem>

/**
 * Of nodes that are up: what others know of one that is gone they forget, each in its time. What a node said in an earlier life
 * counts no more once it has said who it is now.
 */
export function publishedNow(cluster: Cluster): Published {
  const newest = new Map<string, SummaryItem>()
  const up = cluster.nodes.filter((node) => node.up)
  const ids = new Set(up.map(({ id }) => id))
  for (const item of up.flatMap((node) => node.core.ledgerSummary())) {
    if (!ids.has(item.node)) continue
    const held = newest.get(keyOf(item))
    if (held === undefined || compareVersions(item, held) > 0) newest.set(keyOf(item), item)
  }
  const isOfNow = ({ node, epoch }: SummaryItem) => epoch === newest.get(`state ${node}`)?.epoch
  return new Map([...newest].filter(([, item]) => isOfNow(item)))
}

/** Every node that is up holds all that was published by an earlier moment, or newer, and knows what each node really has. */
export function checkConvergence(cluster: Cluster, published: Published): string[] {
  const faults: string[] = []
  const up = cluster.nodes.filter((node) => node.up)
  for (const node of up) {
    const held = new Map(node.core.ledgerSummary().map((item) => [keyOf(item), item]))
    for (const [key, item] of published) {
      const own = held.get(key)
      if (own === undefined || compareVersions(own, item) < 0) faults.push(`${node.id} lacks an entry: ${key}`)
    }
  }
  const truth = new Map(up.map((node) => [node.id, said(node.residency())]))
  for (const node of up) {
    const members = new Map(node.core.members(cluster.queue.nowMs).map((member) => [member.node, member]))
    for (const [other, has] of truth) {
      const residency = members.get(other)?.residency
      const told = residency === undefined || residency === null ? 'nothing' : said(residency.models)
      if (told !== has) faults.push(`${node.id} does not know what ${other} holds`)
      const member = members.get(other)
      if (member?.suspected === true && !member.distrusted) faults.push(`${node.id} suspects ${other}, which is up`)
    }
  }
  return faults
}

function said(models: readonly { readonly model: string; readonly tier: string }[]): string {
  return models.map(({ model, tier }) => `${model} ${tier}`).join()
}

function keyOf(item: SummaryItem): string {
  return `${item.kind} ${item.node}`
}
