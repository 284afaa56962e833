import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashText } from '../../../common/index.ts'
import { chooseReplicas, type ReplicaNode } from '../../../placement/index.ts'

const nodesOf = (count: number, zones: number, salt = ''): ReplicaNode[] =>
  Array.from({ length: count }, (_, at) => ({ node: `node${salt}${at}`, zone: `z${at % zones}`, capacityBytes: 1 }))
const zonesOf = (chosen: readonly string[], nodes: readonly ReplicaNode[]) =>
  chosen.map((node) => nodes.find((one) => one.node === node)!.zone)

describe('the nodes that keep a pinned model', () => {
  it('are as many as wanted, in as many zones as there are', () => {
    const nodes = nodesOf(12, 3)
    for (let at = 0; at < 50; at += 1) {
      const chosen = chooseReplicas(`acme/m${at}`, 4, nodes)
      expect(new Set(chosen).size).toBe(4)
      expect(new Set(zonesOf(chosen, nodes).slice(0, 3)).size).toBe(3)
    }
  })

  it('are all that may, when there are fewer', () => {
    const nodes = [...nodesOf(2, 2), { node: 'full', zone: 'z0', capacityBytes: 0 }]
    expect(chooseReplicas('m', 5, nodes).sort()).toEqual(['node0', 'node1'])
    expect(chooseReplicas('m', 2, [])).toEqual([])
  })

  it('depend on the nodes alone, not on their order', () => {
    const nodes = nodesOf(9, 3)
    expect(chooseReplicas('m', 3, [...nodes].reverse())).toEqual(chooseReplicas('m', 3, nodes))
  })

  it('have models in proportion to their capacity', () => {
    const nodes = nodesOf(4, 1).map((node, at) => ({ ...node, capacityBytes: at === 0 ? 3 : 1 }))
    let large = 0
    for (let at = 0; at < 6_000; at += 1) if (chooseReplicas(`m${at}`, 1, nodes)[0] === 'node0') large += 1
    expect(large / 6_000).toBeCloseTo(0.5, 1)
  })

  it('change in one place at most when a node joins or leaves, whatever the zones', () => {
    const cluster = fc.record({
      count: fc.integer({ min: 1, max: 24 }),
      zones: fc.integer({ min: 1, max: 6 }),
      replicas: fc.integer({ min: 1, max: 5 }),
      salt: fc.string({ maxLength: 4 }),
      leaver: fc.nat(1_000),
    })
    fc.assert(
      fc.property(cluster, ({ count, zones, replicas, salt, leaver }) => {
        const nodes = nodesOf(count, zones, salt)
        const without = nodes.filter((_, at) => at !== leaver % count)
        for (let key = 0; key < 20; key += 1) {
          const before = chooseReplicas(`m${key}`, replicas, nodes)
          const after = chooseReplicas(`m${key}`, replicas, without)
          expect(after.filter((node) => !before.includes(node)).length).toBeLessThanOrEqual(1)
          const isKept = !before.includes(nodes[leaver % count]!.node)
          if (isKept) expect(after).toEqual(before)
        }
      }),
    )
  })

  it.each([4, 8, 16, 32, 64])(
    'move 1.2/M of the bytes at most when one of M = %i nodes joins or leaves',
    (count) => {
      const nodes = nodesOf(count, 4).map((node) => ({ ...node, nodeHash: hashText(node.node) }))
      for (const replicas of [1, 2, 3]) {
        const keys = Array.from({ length: 20_000 }, (_, at) => `acme/model${at}`)
        const leaver = nodes[count >> 1]!
        const without = nodes.filter((node) => node !== leaver)
        let joined = 0
        let left = 0
        for (const key of keys) {
          const all = chooseReplicas(key, replicas, nodes)
          const fewer = chooseReplicas(key, replicas, without)
          left += fewer.filter((node) => !all.includes(node)).length
          joined += all.filter((node) => !fewer.includes(node)).length
        }
        const places = keys.length * replicas
        expect((left / places) * count).toBeLessThanOrEqual(1.2)
        expect((joined / places) * count).toBeLessThanOrEqual(1.2)
      }
    },
    60_000,
  )
})
