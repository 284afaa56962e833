/** A peer that holds the cluster key and lies about bytes: it is caught by the first chunk, dropped and named, and nothing of it stays. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../../clients/node/index.ts'
import { byTier, createPrng } from '../../common/index.ts'
import { NodeCore } from '../../core/index.ts'
import { ConnectionManager } from '../../node/cluster/connection-manager.ts'
import { CoreDriver } from '../../node/cluster/core-driver.ts'
import {
  type ClusterKey,
  createEntrySigner,
  createLibp2pNetwork,
  decodeEntries,
  decodeProgress,
  decodeVersionSummary,
  encodeEntries,
  encodeProgress,
  encodeVersionSummary,
  loadIdentity,
} from '../../node/net/index.ts'
import { systemClock } from '../../node/system/clock.ts'
import { silentLog } from '../../node/system/log.ts'
import { createNativeBulkTransport } from '../../node/transfer/bulk/index.ts'
import { RateDemand } from '../../placement/index.ts'
import { until } from '../support/until.ts'
import { ClusterFixture } from './cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

interface Liar {
  readonly nodeId: string
  readonly asked: () => number
  stop(): Promise<void>
}

/** A node made of the real parts that claims to hold a model and answers every chunk with noise of the right length. */
async function startLiar(options: {
  clusterKey: ClusterKey
  bootstrap: string
  model: string
  sizeBytes: number
}): Promise<Liar> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-liar-'))
  const identity = await loadIdentity(folder)
  const { clusterKey } = options
  const network = await createLibp2pNetwork(
    { identity, clusterKey, clock: systemClock },
    { bootstrap: { addresses: [options.bootstrap] } },
  )
  const bulk = createNativeBulkTransport({ identity, clusterKey, clock: systemClock })
  const core = new NodeCore({
    self: network.self,
    epoch: 1,
    sign: createEntrySigner(network),
    random: createPrng(1),
    demand: new RateDemand(),
  })
  const codec = {
    encodeEntries,
    decodeEntries,
    encodeVersionSummary,
    decodeVersionSummary,
    encodeProgress,
    decodeProgress,
  }
  const ports = { core, network, clock: systemClock, log: silentLog }
  const driver = new CoreDriver({ ...ports, codec, mesh: new ConnectionManager(ports) })
  let asked = 0
  await bulk.start(async (_from, { sizeBytes }) => {
    asked += 1
    return randomBytes(sizeBytes)
  })
  await network.start(driver.networkEvents(() => undefined))
  driver.start()
  driver.dispatch({
    kind: 'local-state',
    body: {
      zone: 'default',
      protocolVersion: 1,
      addresses: network.addresses(),
      bulkAddress: bulk.address(),
      httpUrl: '',
      queueMs: 0,
      tiers: byTier(() => ({ freeBytes: 0, limitBytes: 0 })),
      draining: false,
    },
  })
  driver.dispatch({
    kind: 'local-residency',
    models: [{ model: options.model, tier: 'memory', sizeBytes: options.sizeBytes }],
  })
  return {
    nodeId: network.self,
    asked: () => asked,
    stop: async () => {
      driver.stop()
      await Promise.all([network.stop(), bulk.stop()])
      await rm(folder, { recursive: true })
    },
  }
}

describe('a peer that serves wrong bytes', () => {
  it('is caught, dropped and named; the fetch completes elsewhere and nothing wrong is stored', async () => {
    const path = await cluster.generate('llama-tiny')
    const { digest, totalBytes } = await cluster.push(path, 'acme/llama')
    const victim = await cluster.start('victim')
    const [bootstrap] = victim.addresses
    const liar = await startLiar({
      clusterKey: cluster.clusterKey,
      bootstrap: bootstrap!,
      model: digest,
      sizeBytes: totalBytes,
    })
    try {
      await until('the victim believes the liar', async () =>
        (await cluster.members(victim)).some(({ node, models }) => node === liar.nodeId && models.length === 1),
      )

      using model = await open('acme/llama', { socketPath: victim.socketPath })

      expect(model.files.reduce((sum, file) => sum + file.sizeBytes, 0)).toBe(totalBytes)
      expect(liar.asked()).toBeGreaterThan(0)
      expect(await cluster.fetchedBytes(victim, 'peer')).toBe(0)
      expect(await cluster.metric(victim, 'holdfast_distrusted_peers_total', '{reason="wrong-chunk"}')).toBe(1)
      const log = await cluster.log(victim)
      expect(log).toContain('a peer is dropped')
      expect(log).toContain(liar.nodeId)
    } finally {
      await liar.stop()
    }
  })
})
