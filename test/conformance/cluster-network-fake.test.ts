import { systemClock } from '../../node/system/index.ts'
import { EventLog } from '../node/net/event-log.ts'
import { type FakeHub, FakeNetwork } from '../support/fake-network.ts'
import { testClusterNetwork } from './cluster-network.suite.ts'

testClusterNetwork('in memory, for tests', () => {
  const hub: FakeHub = new Map()
  let count = 0
  return {
    start: async ({ judge = () => true } = {}) => {
      const network = new FakeNetwork(`node-${count++}`, { hub, clock: systemClock })
      const [up, down] = [new EventLog<string>(), new EventLog<string>()]
      const messages = new EventLog<{ topic: string; from: string; message: Uint8Array }>()
      await network.start({
        onPeerUp: (node) => up.add(node),
        onPeerDown: (node) => down.add(node),
        isMember: () => false,
        onRefused: () => {},
        onMessage: (topic, from, message) => {
          const good = judge(topic, from, message)
          if (good) messages.add({ topic, from, message })
          return good
        },
      })
      return { network, up, down, messages }
    },
    connect: async (from, to) => void (await from.network.dial(to.network.addresses()[0]!)),
    strangerId: async () => 'nobody',
    stop: async () => {},
  }
})
