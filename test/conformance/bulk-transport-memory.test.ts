import { ManualClock } from '../support/manual-clock.ts'
import { MemoryBulk, type MemoryBulkNetwork } from '../support/memory-bulk.ts'
import { testBulkTransport } from './bulk-transport.suite.ts'

testBulkTransport('in memory, for tests', () => {
  const network: MemoryBulkNetwork = new Map()
  const clock = new ManualClock()
  let count = 0
  const start = async (bulk: MemoryBulk, serve: Parameters<MemoryBulk['start']>[0] = async () => null) => {
    await bulk.start(serve)
    return { node: bulk.node, bulk }
  }
  const name = () => `node-${count++}`
  return {
    clock,
    start: (serve) => start(new MemoryBulk(name(), { network, clock }), serve),
    startStranger: () => start(new MemoryBulk(name(), { network, clock, clusterKey: 'another cluster' })),
    stop: async () => {},
  }
})
