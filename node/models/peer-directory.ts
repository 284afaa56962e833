/**
 * Names and manifests between peers: serves what this node knows and asks others for what it does not. Answers of peers are
 * unchecked bytes; the model directory checks signature and digest.
 *
 *   ref       request: name as text              answer: the ref record, empty when not known
 *   manifest  request: digest, 32 bytes          answer: the canonical manifest, empty when not known
 */

import { HoldfastError, type ModelId, type NodeId, TimeLimit } from '../../common/index.ts'
import { defaultPeerQuestionOptions, type PeerQuestionOptions } from '../../core/index.ts'
import {
  encodeManifest,
  encodeRef,
  formatModelName,
  type Manifest,
  type ModelName,
  parseModelName,
} from '../../origin/index.ts'
import type { CoreDriver } from '../cluster/index.ts'
import type { ClusterNetwork } from '../ports/index.ts'
import type { Clock } from '../system/index.ts'
import type { DirectoryPeers, ModelDirectory } from './model-directory.ts'

export interface PeerDirectoryPorts {
  readonly driver: CoreDriver
  readonly network: ClusterNetwork
  readonly clock: Clock
  /** Usable nodes, nearest first. */
  readonly nearestPeers: () => NodeId[]
  /** Usable holders of a model, nearest first. */
  readonly holdersOf: (model: ModelId) => NodeId[]
}

export class PeerDirectory implements DirectoryPeers {
  private readonly ports: PeerDirectoryPorts
  private readonly options: PeerQuestionOptions

  constructor(ports: PeerDirectoryPorts, options: Partial<PeerQuestionOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultPeerQuestionOptions, ...options }
  }

  serve(directory: ModelDirectory): void {
    this.ports.network.handle('ref', async (_from, payload) => {
      const ref = directory.knownRef(parseModelName(Buffer.from(payload).toString('utf8')))
      return ref === null ? new Uint8Array() : encodeRef(ref)
    })
    this.ports.network.handle('manifest', async (_from, payload) => {
      if (payload.byteLength !== 32)
        throw new HoldfastError('PEER_PROTOCOL', 'A manifest is asked for by 32 bytes of digest.')
      const manifest: Manifest | null = await directory.knownManifest(Buffer.from(payload).toString('hex'))
      return manifest === null ? new Uint8Array() : encodeManifest(manifest)
    })
  }

  async refs(name: ModelName): Promise<{ node: NodeId; bytes: Uint8Array }[]> {
    const payload = Buffer.from(formatModelName(name))
    const nodes = this.ports.nearestPeers().slice(0, this.options.refPeersMax)
    const answers = await Promise.all(nodes.map((node) => this.ask(node, 'ref', payload)))
    return answers.filter((answer) => answer !== null)
  }

  async *manifests(digest: ModelId, of: 'holders' | 'others'): AsyncIterable<{ node: NodeId; bytes: Uint8Array }> {
    const payload = Buffer.from(digest, 'hex')
    const holders = this.ports.holdersOf(digest)
    const nodes = of === 'holders' ? holders : this.ports.nearestPeers().filter((node) => !holders.includes(node))
    for (const node of nodes.slice(0, this.options.manifestPeersMax)) {
      const answer = await this.ask(node, 'manifest', payload)
      if (answer !== null) yield answer
    }
  }

  /** Null when the peer does not know or does not answer: there are others. */
  private async ask(
    node: NodeId,
    method: string,
    payload: Uint8Array,
  ): Promise<{ node: NodeId; bytes: Uint8Array } | null> {
    const { driver, clock } = this.ports
    using limit = new TimeLimit(clock, this.options.timeoutMs)
    try {
      const bytes = await driver.call(node, method, payload, { signal: limit.signal })
      return bytes.byteLength === 0 ? null : { node, bytes }
    } catch (error) {
      if (error instanceof HoldfastError || (error as Error).name === 'TimeoutError') return null
      throw error
    }
  }
}
