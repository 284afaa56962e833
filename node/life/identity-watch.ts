/**
 * One identity belongs to one running node. A data folder that was copied, as when boxes are imaged, carries it to another one. A node
 * asks before it joins, under a throw-away identity, whether somebody answers to its own; and the one that answers is told.
 *
 *   identity  request: {version: 1, node: text}    answer: {version: 1, inUse: boolean}
 *
 * A node that is asked about a third node calls that node before it answers: an open connection may be left over from a crashed process.
 */
import { HoldfastError, type NodeId, TimeLimit } from '../../common/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import { decodeCbor, encodeCbor, isPlainMap, malformed } from '../net/index.ts'
import type { ClusterNetwork } from '../ports/index.ts'
import { type Clock, isReadableVersion, type Log, spokenVersion } from '../system/index.ts'

export interface IdentityWatchPorts {
  readonly network: Pick<ClusterNetwork, 'self' | 'peers' | 'handle' | 'call'>
  readonly driver: Pick<CoreDriver, 'onNotice'>
  readonly clock: Clock
  readonly log: Log
}

export interface IdentityClaims {
  readonly count: number
  /** In milliseconds since 1970. */
  readonly lastAtMs: number
}

export interface IdentityQuestionOptions {
  /** For a dial, and for an answer. A node that takes longer is asked by the next start. */
  readonly askMs: number
}

export const defaultIdentityQuestionOptions: IdentityQuestionOptions = { askMs: 2_000 }

export class IdentityWatch {
  private readonly ports: IdentityWatchPorts
  private readonly options: IdentityQuestionOptions
  private readonly lost = Promise.withResolvers<HoldfastError>()
  private count = 0
  private lastAtMs = 0

  constructor(ports: IdentityWatchPorts, options: Partial<IdentityQuestionOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultIdentityQuestionOptions, ...options }
  }

  /** Before the network starts. */
  serve(): void {
    const { network, driver } = this.ports
    network.handle('identity', async (_from, payload) => {
      const node = decodeQuestion(payload)
      if (node === network.self) this.claimed()
      return encodeCbor({ version: spokenVersion, inUse: node === network.self || (await this.answers(node)) })
    })
    driver.onNotice((notice) => {
      if (notice.kind !== 'twin') return
      if (notice.isFirst) this.claimed()
      else this.lost.resolve(identityInUse(network.self))
    })
  }

  /** How often another box showed up with this node's identity; null: never. */
  get claims(): IdentityClaims | null {
    return this.count === 0 ? null : { count: this.count, lastAtMs: this.lastAtMs }
  }

  /** Resolves when this run has to end, because one that began earlier has the same identity. */
  get whenLost(): Promise<HoldfastError> {
    return this.lost.promise
  }

  private claimed(): void {
    const { network, clock, log } = this.ports
    this.count += 1
    this.lastAtMs = clock.wallMs()
    log.error(
      { code: 'IDENTITY_IN_USE', node: network.self, count: this.count },
      'another box runs with the identity of this node; there: holdfast init --new-identity',
    )
  }

  private async answers(node: NodeId): Promise<boolean> {
    const { network, clock } = this.ports
    if (!network.peers().includes(node)) return false
    using limit = new TimeLimit(clock, this.options.askMs)
    return askIdentity(network, node, node, limit.signal)
  }
}

/** IDENTITY_IN_USE, for the node that has to stop. */
export function identityInUse(node: NodeId): HoldfastError {
  return new HoldfastError(
    'IDENTITY_IN_USE',
    `Another box runs with the identity of this node, ${node}, and was first. If this data folder is a copy, give it an identity of its own: \`holdfast init --new-identity\`.`,
    { details: { node } },
  )
}

/** Whether `node` is in use, as `asked` knows it. False when it does not say, as an earlier version. */
export async function askIdentity(
  network: Pick<ClusterNetwork, 'call'>,
  asked: NodeId,
  node: NodeId,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const payload = encodeCbor({ version: spokenVersion, node })
    const answer = decodeCbor(await network.call(asked, 'identity', payload, { signal }), 'identity')
    return isPlainMap(answer) && answer.inUse === true
  } catch (error) {
    if (error instanceof HoldfastError || (error as Error).name === 'TimeoutError') return false
    throw error
  }
}

function decodeQuestion(payload: Uint8Array): NodeId {
  const value = decodeCbor(payload, 'identity')
  if (isPlainMap(value) && isReadableVersion(value.version) && typeof value.node === 'string') return value.node
  throw malformed('identity', 'it names no node')
}
