/**
 * Gossip: gossipsub with one topic per entry kind, set up for clusters of 2 to some thousand nodes behind few addresses.
 *
 * - No signatures of its own (StrictNoSign): what travels carries its author's signature already, checked before it is relayed.
 * - The id of a message is the hash of topic and data, so that nobody can suppress a message by sending its data first under
 *   another topic.
 * - The score by address is off: it silently drops messages from the eleventh node behind one address, and admission by the
 *   cluster key has taken its place.
 * - Own messages go to every connected node (flood publish): one hop in a cluster of this size; the mesh heals the rest.
 * - The mesh is thinner than gossipsub's default, and ids of messages are told to fewer: see `mesh`.
 */
import { createHash } from 'node:crypto'
import { type GossipSub, gossipsub, type Message, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import { HoldfastError, type NodeId } from '../../common/index.ts'
import type { Log } from '../system/index.ts'

export interface GossipOptions {
  /** One message. Room for the largest entry and its frame. */
  readonly messageBytes: number
}

export const defaultGossipOptions: GossipOptions = { messageBytes: 512 * 1024 }

export const topicPrefix = 'holdfast/1/'
/** Several messages may share one transfer between two nodes; more than this is an attack on memory. */
const messagesPerTransfer = 4

/**
 * What a node receives grows with the copies of a message: a node hears it from all neighbours in the mesh but those it passed it on
 * to, almost four times with the three to six neighbours that these numbers give. So many keep a thousand nodes together, every own
 * message goes to all connected nodes besides, and reconciliation repairs what is lost all the same. By default each heartbeat tells the
 * ids of three seconds to a quarter of all peers: with 64 peers that is more than the messages. sim/network/gossip-mesh.ts and gossip.ts
 * count with these numbers.
 */
const mesh = {
  D: 4,
  Dlo: 3,
  Dhi: 6,
  Dout: 2,
  Dscore: 2,
  Dlazy: 2,
  gossipFactor: 0,
  mcacheGossip: 2,
  /** Telling neighbours that one has a message costs some hundred bytes: only worth it for larger ones. */
  idontwantMinDataSize: 1_024,
}
/** 128 bits: enough that nobody finds a second message with the id of another. */
const messageIdBytes = 16

/** Judges a message and takes it in when it is good; called once per message, before it is relayed. */
export type JudgeMessage = (topic: string, from: NodeId, message: Uint8Array) => boolean

export function gossipService(options: GossipOptions, topics: readonly string[]): ReturnType<typeof gossipsub> {
  return gossipsub({
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: messageId,
    fallbackToFloodsub: false,
    floodPublish: true,
    emitSelf: false,
    ...mesh,
    // A node that is alone publishes to nobody; reconciliation brings its entries to a node that joins.
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    allowedTopics: topics.map((topic) => topicPrefix + topic),
    maxInboundDataLength: options.messageBytes * messagesPerTransfer,
    maxOutboundBufferSize: options.messageBytes * messagesPerTransfer * 4,
    scoreParams: { IPColocationFactorWeight: 0 },
  })
}

export class Gossip {
  private readonly service: GossipSub
  private readonly options: GossipOptions
  private readonly topics: readonly string[]
  private readonly log: Log

  constructor(service: GossipSub, options: GossipOptions, topics: readonly string[], log: Log) {
    this.service = service
    this.options = options
    this.topics = topics
    this.log = log
  }

  /** Before the network starts: no message may arrive unjudged. */
  judgeWith(judge: JudgeMessage): void {
    for (const topic of this.topics) {
      this.service.topicValidators.set(topicPrefix + topic, (peer, message: Message) =>
        this.validate(judge, topic, peer.toString(), message.data),
      )
    }
  }

  /** After the network started. */
  subscribe(): void {
    for (const topic of this.topics) this.service.subscribe(topicPrefix + topic)
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    if (!this.topics.includes(topic)) throw new Error(`there is no topic ${topic}`)
    if (message.byteLength > this.options.messageBytes) {
      throw new HoldfastError(
        'REQUEST_TOO_LARGE',
        `A gossip message of ${message.byteLength} bytes exceeds the limit of ${this.options.messageBytes} (messageBytes).`,
        { details: { messageBytes: message.byteLength, limitBytes: this.options.messageBytes } },
      )
    }
    await this.service.publish(topicPrefix + topic, message)
  }

  subscribers(topic: string): NodeId[] {
    return this.service.getSubscribers(topicPrefix + topic).map(String)
  }

  onSubscription(listener: () => void): () => void {
    this.service.addEventListener('subscription-change', listener)
    return () => this.service.removeEventListener('subscription-change', listener)
  }

  private validate(judge: JudgeMessage, topic: string, from: NodeId, message: Uint8Array): TopicValidatorResult {
    try {
      const good = message.byteLength <= this.options.messageBytes && judge(topic, from, message)
      return good ? TopicValidatorResult.Accept : TopicValidatorResult.Reject
    } catch (error) {
      this.log.error({ err: error, topic, from }, 'judging a gossip message failed; it is not relayed')
      return TopicValidatorResult.Ignore
    }
  }
}

function messageId(message: Message): Uint8Array {
  const hash = createHash('sha256').update(message.topic).update('\0').update(message.data).digest()
  return hash.subarray(0, messageIdBytes)
}
