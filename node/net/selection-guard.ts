/**
 * Looks at what the other side sends while a protocol is agreed on (multistream-select), before libp2p does: messages with their length
 * before them, as a varint of two bytes at most. libp2p reads that length byte by byte, with an error object for each byte until it ends,
 * and without a pause; so 64 KiB in which no length ends, from anybody who reaches the port, would hold up a node for seconds.
 */
import type { ConnectionEncrypter, MessageStream, MultiaddrConnection, Stream, StreamMuxer } from '@libp2p/interface'
import { HoldfastError } from '../../common/index.ts'

/** Limit of one message, as in libp2p. */
const messageBytesMax = 1_024
/** Proposals and refusals of one agreement: a node offers an encryption for each key that it holds. */
const messagesMax = 64

/** Where libp2p takes what has arrived; its streams and connections have it, its interface does not tell. */
interface Receiving extends MessageStream {
  onData(data: { subarray(): Uint8Array }): void
}

type Upgrade = (connection: MultiaddrConnection, ...rest: never[]) => unknown

export interface GuardedUpgrader {
  upgradeInbound: Upgrade
  upgradeOutbound: Upgrade
  getConnectionEncrypters(): ReadonlyMap<string, ConnectionEncrypter>
}

/** Connections, until their encryption is agreed on: from there on only members speak. */
export function guardConnections(upgrader: GuardedUpgrader): void {
  const isEncryption = (protocol: string) => upgrader.getConnectionEncrypters().has(protocol)
  for (const way of ['upgradeInbound', 'upgradeOutbound'] as const) {
    const upgrade = upgrader[way].bind(upgrader)
    upgrader[way] = (connection, ...rest) => {
      guardSelection(connection, isEncryption)
      return upgrade(connection, ...rest)
    }
  }
}

/** The base class's handler of a stream that the other side opens. */
interface ReceivingMuxer extends StreamMuxer {
  onRemoteStream(stream: Stream): void
}

/** Streams of members, until their protocol is agreed on. */
export function guardStreams(muxer: StreamMuxer, protocols: () => readonly string[]): StreamMuxer {
  const receiving = muxer as ReceivingMuxer
  const [onRemoteStream, createStream] = [receiving.onRemoteStream.bind(muxer), muxer.createStream.bind(muxer)]
  receiving.onRemoteStream = (stream) => {
    guardSelection(stream, (protocol) => protocols().includes(protocol))
    onRemoteStream(stream)
  }
  receiving.createStream = async (options) => {
    const stream = await createStream(options)
    guardSelection(stream, (protocol) => !refusals.has(protocol))
    return stream
  }
  return receiving
}

/** Messages of the negotiation that name no protocol. */
const refusals: ReadonlySet<string> = new Set(['/multistream/1.0.0', 'na'])

/** @param isAgreed whether this message, without its line end, ends the agreement: what follows is of another protocol. */
export function guardSelection(stream: MessageStream, isAgreed: (protocol: string) => boolean): void {
  const receiving = stream as Receiving
  const check = new SelectionCheck(isAgreed)
  receiving.onData = (data) => {
    if (!check.passes(data.subarray())) {
      stream.abort(new HoldfastError('PEER_PROTOCOL', 'What came is no agreement on a protocol.'))
      return
    }
    // From here on the method of its class.
    if (check.isOver) Reflect.deleteProperty(receiving, 'onData')
    Object.getPrototypeOf(receiving).onData.call(receiving, data)
  }
}

export class SelectionCheck {
  /** It has ended well. */
  isOver = false
  private readonly isAgreed: (protocol: string) => boolean
  /** First byte of a length of two bytes. */
  private first: number | null = null
  private leftBytes = 0
  private text = ''
  private count = 0

  constructor(isAgreed: (protocol: string) => boolean) {
    this.isAgreed = isAgreed
  }

  /** False when this cannot be a part of an agreement. */
  passes(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length && !this.isOver; ) {
      if (this.leftBytes === 0) {
        if (!this.beginsMessage(bytes[at]!)) return false
        at += 1
        continue
      }
      const piece = bytes.subarray(at, at + this.leftBytes)
      this.text += Buffer.from(piece).toString('latin1')
      this.leftBytes -= piece.length
      at += piece.length
      if (this.leftBytes === 0 && !this.endsMessage()) return false
    }
    return true
  }

  private beginsMessage(byte: number): boolean {
    if (this.first === null && byte >= 0x80) {
      this.first = byte & 0x7f
      return true
    }
    const sizeBytes = this.first === null ? byte : this.first + byte * 0x80
    this.first = null
    this.leftBytes = sizeBytes
    this.text = ''
    return byte < 0x80 && sizeBytes > 0 && sizeBytes <= messageBytesMax
  }

  private endsMessage(): boolean {
    this.count += 1
    this.isOver = this.isAgreed(this.text.trimEnd())
    return this.isOver || this.count < messagesMax
  }
}
