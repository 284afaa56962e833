import { ClusterKey } from '../../node/net/index.ts'
import { BulkNodes } from '../node/transfer/bulk/bulk-nodes.ts'
import { testBulkTransport } from './bulk-transport.suite.ts'

testBulkTransport('TLS of Node', () => {
  const nodes = new BulkNodes()
  return {
    start: (serve) => nodes.start(serve === undefined ? {} : { serve }),
    startStranger: () => nodes.start({ clusterKey: ClusterKey.generate() }),
    stop: () => nodes.stop(),
  }
})
