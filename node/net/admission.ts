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
 * Which key is meant is settled before: a node offers one encryption protocol per key it holds, named by the id of the key, its
 * current key first, and the listener takes the first that it holds too. So a cluster goes over to a new key without a gap.
 * Nodes without a common key, and nodes of before there were ids, meet on plain /noise with their current keys.
 *
 * The listener would only see the dialler hang up. So a dialler that finds the key different sends a plain refusal in place of
 * the third message, which cannot pass for one, and waits a moment for the listener to close: then both sides know the reason.
 */
import { noise } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions } from '@libp2p/interface'
import type { Clock } from '../system/index.ts'
import type { ClusterKey } from './cluster-key.ts'
import type { ClusterKeyring } from './cluster-keyring.ts'

export type RefusalCause = 'key' | 'identity' | 'closed' | 'timeout'

export interface Refusal {
  readonly remote: string
  readonly direction: 'inbound' | 'outbound'
  readonly cause: RefusalCause
  readonly reason: string
}

export interface AdmissionOptions {
  readonly clock: Clock
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

/**
 * libp2p asks its map of encrypters at each connection, in both directions and in the map's order: this keeps the map at the keys
 * of the ring, whatever it was created with.
 */
export function followKeyring(
  components: Parameters<NoiseFactory>[0],
  keyring: ClusterKeyring,
  options: AdmissionOptions,
): void {
  const encrypters = components.upgrader.getConnectionEncrypters()
  const fill = () => {
    encrypters.clear()
    for (const encrypter of admission(keyring, options).map((create) => create(components))) {
      encrypters.set(encrypter.protocol, encrypter)
    }
  }
  fill()
  keyring.onChange(fill)
}

type EncrypterFactory = (components: Parameters<NoiseFactory>[0]) => ConnectionEncrypter

/** One per key, and plain /noise last. */
export function admission(keyring: ClusterKeyring, options: AdmissionOptions): EncrypterFactory[] {
  const encrypter = (key: ClusterKey, protocol: string | null): EncrypterFactory => {
    const create = noise({ prologueBytes: key.derive('holdfast/1 noise prologue') })
    return (components) => new AdmittingNoise(create(components), protocol, options)
  }
  return [...keyring.all.map((key) => encrypter(key, `/holdfast/noise/1/${key.id}`)), encrypter(keyring.current, null)]
}

class AdmittingNoise implements ConnectionEncrypter {
  readonly protocol: string
  private readonly inner: Encrypter
  private readonly options: AdmissionOptions

  constructor(inner: Encrypter, protocol: string | null, options: AdmissionOptions) {
    this.inner = inner
    this.protocol = protocol ?? inner.protocol
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
    const forget = this.options.clock.after(this.options.lingerMs, closed.resolve)
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
      forget()
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
