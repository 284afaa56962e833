import { Identity } from '../../node/net/index.ts'
import { connect, type TestNode, TestNodes } from '../node/net/nodes.ts'
import { testClusterNetwork } from './cluster-network.suite.ts'

testClusterNetwork('libp2p', () => {
  const nodes = new TestNodes()
  return {
    start: (options) => nodes.start(options),
    connect: (from, to) => connect(from as TestNode, to as TestNode),
    strangerId: async () => (await Identity.generate()).node,
    stop: () => nodes.stop(),
  }
})
