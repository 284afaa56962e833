/** The driver over a real protocol core; codec and network stay in memory. */

import { HoldfastError } from '../../../common/errors.ts'
import { createPrng } from '../../../common/prng.ts'
import type { ModelId, NodeId } from '../../../common/types.ts'
import type { SignedEntry } from '../../../core/events.ts'
import { NodeCore, type Progress } from '../../../core/index.ts'
import { CoreDriver, type VersionSummary } from '../../../node/cluster/core-driver.ts'
import { type Log, silentLog } from '../../../node/system/log.ts'
import { entryOf, resident, sign, stateBody } from '../../core/fixture.ts'
import { FakeNetwork } from '../../support/fake-network.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** JSON in the place of CBOR: what is malformed throws as the real codec does. */
export const jsonCodec = {
  encodeEntries: (entries: readonly SignedEntry[]) => Buffer.from(JSON.stringify(entries)),
  decodeEntries: (bytes: Uint8Array) => parse(bytes) as SignedEntry[],
  encodeVersionSummary: (summary: VersionSummary) => Buffer.from(JSON.stringify(summary)),
  decodeVersionSummary: (bytes: Uint8Array) => parse(bytes) as VersionSummary,
  encodeProgress: (progress: Progress) => Buffer.from(JSON.stringify(progress)),
  decodeProgress: (bytes: Uint8Array) => parse(bytes) as Progress,
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch (cause) {
    throw new HoldfastError('PEER_PROTOCOL', 'malformed', { cause })
  }
}

export class DriverFixture {
  readonly clock = new ManualClock()
  readonly network = new FakeNetwork()
  readonly core: NodeCore
  readonly driver: CoreDriver

  constructor(log: Log = silentLog) {
    this.core = new NodeCore({ self: this.network.self, epoch: 1, sign, random: createPrng(1) })
    const { core, network, clock } = this
    const mesh = { connect: async () => {}, isSpare: () => false }
    this.driver = new CoreDriver({ core, network, clock, log, codec: jsonCodec, mesh })
  }

  /** A connected peer that says it holds these models. */
  peer(node: NodeId, models: readonly ModelId[]): void {
    const events = this.driver.networkEvents(() => {})
    this.network.connected = [...this.network.connected, node]
    events.onPeerUp(node)
    const body = { models: [...models].sort().map((model) => resident(model)) }
    const entries = [entryOf('state', node, stateBody({ bulkAddress: `${node}:1` })), entryOf('residency', node, body)]
    this.driver.dispatch({ kind: 'entries', from: node, entries })
  }
}
