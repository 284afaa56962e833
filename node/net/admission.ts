/**
 * Admission by the cluster key: Noise XX with a prologue derived from the key. The prologue enters the handshake hash that both
 * sides authenticate, so two nodes with different keys fail at the first encrypted message and no protocol of any kind is spoken
 * without the key. (The hash is 32 unknown bytes to a stranger: its tags cannot be made, and the key is no password to guess.)
 *
 *   dialler                                listener
 *   e                            ->
 *                                <-        e, ee, s, es        the dialler checks: tag wrong = other key
 *   s, se                        ->                            the listener checks: tag wrong = other key
 *
 * The listener would only see the dialler hang up. So a dialler that finds the key different sends a plain refusal in place of
 * the third message, which cannot pass for one, and waits a moment for the listener to close: then both sides know the reason.
 */
import { noise } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions } from '@libp2p/interface'
import type { ClusterKey } from './cluster-key.ts'

export type RefusalCause = 'key' | 'identity' | 'closed' | 'timeout'

export interface Refusal {
  readonly remote: string
  readonly direction: 'inbound' | 'outbound'
  readonly cause: RefusalCause
  readonly reason: string
}

export interface AdmissionOptions {
  readonly clusterKey: ClusterKey
  /** How long a refused dialler waits for the listener to read the refusal. One round trip over any real path is shorter. */
  readonly lingerMs: number
  readonly onRefusal: (refusal: Refusal) => void
}

type NoiseFactory = ReturnType<typeof noise>
type Encrypter = ReturnType<NoiseFactory>
type Secured = Awaited<ReturnType<Encrypter['secureOutbound']>>

const reasons: Record<RefusalCause, string> = {
  key: 'wrong cluster key: the handshake failed because the other side holds another cluster key, or none',
  identity: 'wrong identity: the other side is not the node that its address names',
  closed: 'the other side closed the connection during the handshake',
  timeout: 'the handshake took too long',
}

const refusalText = new TextEncoder().encode('holdfast/1 wrong cluster key')

export function admission(options: AdmissionOptions): (components: Parameters<NoiseFactory>[0]) => ConnectionEncrypter {
  const prologueBytes = options.clusterKey.derive('holdfast/1 noise prologue')
  return (components) => new AdmittingNoise(noise({ prologueBytes })(components), options)
}

class AdmittingNoise implements ConnectionEncrypter {
  readonly protocol: string
  private readonly inner: Encrypter
  private readonly options: AdmissionOptions

  constructor(inner: Encrypter, options: AdmissionOptions) {
    this.inner = inner
    this.protocol = inner.protocol
    this.options = options
  }

  async secureOutbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<Secured> {
    try {
      return await this.inner.secureOutbound(connection, options)
    } catch (error) {
      const cause = causeOf(error, options?.signal)
      this.report(connection, 'outbound', cause)
      if (cause === 'key') await this.sayWrongKey(connection)
      throw error
    }
  }

  async secureInbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<Secured> {
    try {
      return await this.inner.secureInbound(connection, options)
    } catch (error) {
      this.report(connection, 'inbound', causeOf(error, options?.signal))
      throw error
    }
  }

  private report(connection: MessageStream, direction: Refusal['direction'], cause: RefusalCause): void {
    this.options.onRefusal({ remote: remoteOf(connection), direction, cause, reason: reasons[cause] })
  }

  private async sayWrongKey(connection: MessageStream): Promise<void> {
    if (connection.status !== 'open') return
    const closed = Promise.withResolvers<void>()
    const timer = setTimeout(closed.resolve, this.options.lingerMs)
    connection.addEventListener('close', () => closed.resolve(), { once: true })
    try {
      const frame = new Uint8Array(2 + refusalText.byteLength)
      new DataView(frame.buffer).setUint16(0, refusalText.byteLength)
      frame.set(refusalText, 2)
      connection.send(frame)
      await closed.promise
    } catch {
      // The connection broke while it was refused: there is nobody left to tell.
    } finally {
      clearTimeout(timer)
    }
  }
}

function causeOf(error: unknown, signal: AbortSignal | undefined): RefusalCause {
  const { name, code } = error as { name?: string; code?: string }
  if (code === 'ERR_INVALID_CRYPTO_EXCHANGE') return 'key'
  if (name === 'UnexpectedPeerError') return 'identity'
  return signal?.aborted ? 'timeout' : 'closed'
}

function remoteOf(connection: MessageStream): string {
  const remote = (connection as { remoteAddr?: { toString(): string } }).remoteAddr
  return remote === undefined ? 'unknown address' : remote.toString()
}
