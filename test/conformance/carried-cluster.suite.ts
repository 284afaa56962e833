/**
 * What carries the protocol core between nodes has to bring about, whether it is libp2p with the bulk transport and the daemon's
 * driver, or the virtual network of the simulator. That both pass is what lets a simulated cluster speak for a real one.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ModelId, NodeId } from '../../common/types.ts'
import type { NodeCore } from '../../core/index.ts'

export interface CarriedNode {
  readonly id: NodeId
  /** Another one after a restart. */
  readonly core: NodeCore
}

/** Four nodes, `a` to `d`, and two models of several chunks that the origin has. */
export interface CarriedCluster {
  readonly nodes: readonly [CarriedNode, CarriedNode, CarriedNode, CarriedNode]
  readonly models: readonly [ModelId, ModelId]
  /** Empty, and connected with a node that runs; also one that crashed before, with a greater epoch. */
  start(node: CarriedNode): Promise<void>
  /** Without a word to anybody. */
  crash(node: CarriedNode): Promise<void>
  hold(node: CarriedNode, model: ModelId): void
  drop(node: CarriedNode, model: ModelId): void
  /** From now on the node serves other bytes than it is asked for. */
  lie(node: CarriedNode): void
  ask(node: CarriedNode, model: ModelId): void
  /** From where most of its bytes came; null when it could not be had. Then the node holds it. */
  fetch(node: CarriedNode, model: ModelId): Promise<'peer' | 'origin' | null>
  nowMs(): number
  /** Lets time pass until it is so; fails when it does not come true. */
  until(what: string, look: () => boolean): Promise<void>
  stop(): Promise<void>
}

export function testCarriedCluster(name: string, createCluster: () => Promise<CarriedCluster>): void {
  describe(`a carried cluster: ${name}`, () => {
    let cluster: CarriedCluster
    beforeEach(async () => {
      cluster = await createCluster()
    })
    afterEach(() => cluster.stop())

    const holdersAt = (node: CarriedNode, model: ModelId): NodeId[] =>
      node.core
        .holders(model, cluster.nowMs())
        .filter(({ suspected }) => !suspected)
        .map((holder) => holder.node)
        .sort()

    const epochAt = (node: CarriedNode, of: CarriedNode): number | undefined =>
      node.core.members(cluster.nowMs()).find((member) => member.node === of.id)?.epoch

    const know = (model: ModelId, holders: readonly CarriedNode[], by: readonly CarriedNode[]): Promise<void> =>
      cluster.until(`${by.length} nodes know ${holders.length} holders`, () => {
        const expected = holders.map(({ id }) => id).sort()
        return by.every((node) => {
          const others = expected.filter((id) => id !== node.id)
          return holdersAt(node, model).join() === others.join()
        })
      })

    const startAll = async (...nodes: readonly CarriedNode[]): Promise<void> => {
      for (const node of nodes) await cluster.start(node)
      await cluster.until('everybody knows everybody', () =>
        nodes.every((node) => {
          const reached = node.core
            .members(cluster.nowMs())
            .filter(({ connected, suspected }) => connected && !suspected)
          return nodes.every(({ id }) => id === node.id || reached.some((member) => member.node === id))
        }),
      )
    }

    test('lets every node know what one holds, and that it is gone', async () => {
      const { nodes, models } = cluster
      const [a, b] = nodes
      await startAll(...nodes)
      cluster.hold(a, models[0])
      cluster.hold(b, models[0])
      await know(models[0], [a, b], nodes)
      cluster.drop(a, models[0])
      await know(models[0], [b], nodes)
    })

    test('tells a node that comes late what was said before', async () => {
      const [a, b, c, d] = cluster.nodes
      await startAll(a, b, c)
      cluster.hold(a, cluster.models[0])
      cluster.hold(b, cluster.models[1])
      await know(cluster.models[0], [a], [b, c])
      await cluster.start(d)
      await know(cluster.models[0], [a], [d])
      await know(cluster.models[1], [b], [d])
    })

    test('adds up what is asked for anywhere', async () => {
      const { nodes, models } = cluster
      const [a, b, c] = nodes
      await startAll(a, b, c)
      for (let times = 0; times < 50; times += 1) cluster.ask(a, models[0])
      for (let times = 0; times < 50; times += 1) cluster.ask(b, models[0])
      await cluster.until('the third node knows of the demand at both others', () => {
        const [own, all] = [a, c].map(({ core }) => core.demandOf(models[0], cluster.nowMs()))
        return all === 0 && c.core.clusterDemandOf(models[0], cluster.nowMs()) > 1.2 * own! && own! > 0
      })
    })

    test('offers nothing of a node that died, and believes it again when it has come back, empty', async () => {
      const { nodes, models } = cluster
      const [a, b, c, d] = nodes
      await startAll(...nodes)
      cluster.hold(a, models[0])
      cluster.hold(b, models[0])
      await know(models[0], [a, b], nodes)
      const before = epochAt(b, a)!
      await cluster.crash(a)
      await know(models[0], [b], [b, c, d])
      await cluster.start(a)
      await cluster.until('all have heard its new life', () => [b, c, d].every((node) => epochAt(node, a)! > before))
      await know(models[0], [b], [b, c, d])
      cluster.hold(a, models[1])
      await know(models[1], [a], [b, c, d])
      await know(models[0], [b], [a])
    })

    test('brings a model from who holds it, and from the origin what nobody has', async () => {
      const { nodes, models } = cluster
      const [a, b] = nodes
      await startAll(...nodes)
      cluster.hold(a, models[0])
      await know(models[0], [a], nodes)
      expect(await cluster.fetch(b, models[0])).toBe('peer')
      expect(await cluster.fetch(b, models[1])).toBe('origin')
      await know(models[0], [a, b], nodes)
      await know(models[1], [b], nodes)
    })

    test('brings a model although its only holder lies, and takes nothing more from that one', async () => {
      const { nodes, models } = cluster
      const [a, b] = nodes
      await startAll(...nodes)
      cluster.hold(a, models[0])
      cluster.hold(a, models[1])
      await know(models[1], [a], nodes)
      cluster.lie(a)
      expect(await cluster.fetch(b, models[0])).toBe('origin')
      const view = b.core.members(cluster.nowMs()).find(({ node }) => node === a.id)
      expect(view?.distrusted).toBe(true)
      expect(await cluster.fetch(b, models[1])).toBe('origin')
    })
  })
}
