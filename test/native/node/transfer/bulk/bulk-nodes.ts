/** Real bulk transports on loopback for tests, stopped together. */
import type { Clock } from '../../../../../common/clock.ts'
import { ClusterKey, type ClusterKeyring, Identity } from '../../../../../node/net/index.ts'
import type { BulkTransport, ServeChunk } from '../../../../../node/ports/index.ts'
import { systemClock } from '../../../../../node/system/index.ts'
import { type BulkOptions, type BulkPorts, createNativeBulkTransport } from '../../../../../node/transfer/bulk/index.ts'
import { EventLog } from '../../../../node/net/event-log.ts'
import { hangMs } from '../../../../support/hang-ms.ts'

export interface TestBulkNode {
  readonly node: string
  readonly identity: Identity
  readonly bulk: BulkTransport
  readonly refused: EventLog<{ remote: string; reason: string }>
}

export interface TestBulkOptions extends Partial<BulkOptions> {
  readonly serve?: ServeChunk
  readonly clusterKey?: ClusterKey | ClusterKeyring
  readonly isBanned?: (node: string) => boolean
  readonly clock?: Clock
  readonly askToDial?: BulkPorts['askToDial']
  readonly onSilent?: BulkPorts['onSilent']
}

export class BulkNodes {
  readonly key = ClusterKey.generate()
  private readonly started: BulkTransport[] = []

  async start(options: TestBulkOptions = {}): Promise<TestBulkNode> {
    const {
      serve = async () => null,
      clusterKey = this.key,
      isBanned = () => false,
      clock = systemClock,
      askToDial,
      onSilent = () => {},
      ...rest
    } = options
    const identity = await Identity.generate()
    const refused = new EventLog<{ remote: string; reason: string }>()
    const onRefused = (remote: string, reason: string) => refused.add({ remote, reason })
    const bulk = createNativeBulkTransport(
      { identity, clusterKey, isBanned, clock, onRefused, onSilent, ...(askToDial === undefined ? {} : { askToDial }) },
      { handshakeTimeoutMs: hangMs, stallTimeoutMs: hangMs, ...rest },
    )
    this.started.push(bulk)
    await bulk.start(serve)
    return { node: identity.node, identity, bulk, refused }
  }

  async stop(): Promise<void> {
    await Promise.all(this.started.splice(0).map((bulk) => bulk.stop()))
  }
}
