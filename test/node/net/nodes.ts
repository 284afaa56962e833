/** Real networks on loopback for tests: started, recorded and stopped together. */

import type { Clock } from '../../../common/clock.ts'
import {
  ClusterKey,
  type ClusterKeyring,
  createLibp2pNetwork,
  Identity,
  type Libp2pNetwork,
  type NetworkOptions,
} from '../../../node/net/index.ts'
import type { ClusterNetworkEvents } from '../../../node/ports/index.ts'
import { systemClock } from '../../../node/system/index.ts'
import { hangMs } from '../../support/hang-ms.ts'
import { hung } from '../../support/hung.ts'
import { EventLog } from './event-log.ts'

export interface TestNode {
  readonly network: Libp2pNetwork
  readonly up: EventLog<string>
  readonly down: EventLog<string>
  readonly messages: EventLog<{ topic: string; from: string; message: Uint8Array }>
  readonly refused: EventLog<{ remote: string; reason: string }>
}

export interface TestNodeOptions extends Partial<NetworkOptions> {
  readonly clusterKey?: ClusterKey | ClusterKeyring
  readonly identity?: Identity
  readonly judge?: ClusterNetworkEvents['onMessage']
  readonly isMember?: ClusterNetworkEvents['isMember']
  readonly clock?: Clock
}

export class TestNodes {
  readonly key = ClusterKey.generate()
  private readonly networks: Libp2pNetwork[] = []

  async start(options: TestNodeOptions = {}): Promise<TestNode> {
    const {
      clusterKey = this.key,
      identity = await Identity.generate(),
      judge = () => true,
      isMember = () => false,
      clock = systemClock,
      ...rest
    } = options
    // Twelve nodes that dial each other at once take as long as the machine takes.
    const host = { dialTimeoutMs: hangMs, handshakeTimeoutMs: hangMs, refusalLingerMs: hangMs, ...rest.host }
    const network = await createLibp2pNetwork(
      { identity, clusterKey, clock },
      { ...rest, host, rpc: { callTimeoutMs: hangMs, requestTimeoutMs: hangMs, ...rest.rpc } },
    )
    this.networks.push(network)
    const node: TestNode = {
      network,
      up: new EventLog(),
      down: new EventLog(),
      messages: new EventLog(),
      refused: new EventLog(),
    }
    await network.start({
      onPeerUp: (peer) => node.up.add(peer),
      onPeerDown: (peer) => node.down.add(peer),
      isMember,
      onRefused: (remote, reason) => node.refused.add({ remote, reason }),
      onMessage: (topic, from, message) => {
        const good = judge(topic, from, message)
        if (good) node.messages.add({ topic, from, message: Uint8Array.from(message) })
        return good
      },
    })
    return node
  }

  async stop(): Promise<void> {
    await Promise.all(this.networks.splice(0).map((network) => network.stop()))
  }
}

export function addressOf(node: TestNode): string {
  const [address] = node.network.addresses()
  if (address === undefined) throw new Error('the node does not listen')
  return address
}

/** Dials and waits until gossip flows both ways. */
export async function connect(from: TestNode, to: TestNode, topic = 'state'): Promise<void> {
  await from.network.dial(addressOf(to), { signal: hung() })
  await Promise.all([
    from.network.whenSubscribedBy(to.network.self, topic, { signal: hung() }),
    to.network.whenSubscribedBy(from.network.self, topic, { signal: hung() }),
  ])
}
