import { MemoryBulk, type MemoryBulkNetwork } from '../support/memory-bulk.ts'
import { testBulkTransport } from './bulk-transport.suite.ts'

testBulkTransport('in memory, for tests', () => {
  const network: MemoryBulkNetwork = new Map()
  let count = 0
  const start = async (bulk: MemoryBulk, serve: Parameters<MemoryBulk['start']>[0] = async () => null) => {
    await bulk.start(serve)
    return { node: bulk.node, bulk }
  }
  const name = () => `node-${count++}`
  return {
    start: (serve) => start(new MemoryBulk(name(), network), serve),
    startStranger: () => start(new MemoryBulk(name(), network, 'another cluster')),
    stop: async () => {},
  }
})
