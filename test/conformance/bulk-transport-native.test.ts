import { ClusterKey } from '../../node/net/index.ts'
import { BulkNodes } from '../native/node/transfer/bulk/bulk-nodes.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testBulkTransport } from './bulk-transport.suite.ts'

testBulkTransport('native', () => {
  const nodes = new BulkNodes()
  const clock = new ManualClock()
  return {
    clock,
    start: (serve) => nodes.start(serve === undefined ? { clock } : { clock, serve }),
    startStranger: () => nodes.start({ clock, clusterKey: ClusterKey.generate() }),
    stop: () => nodes.stop(),
  }
})
