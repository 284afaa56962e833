/**
 * The cluster key: 32 random bytes that every node of a cluster holds, written `hfk1-` + base64url. Nobody without it gets a
 * connection of any protocol.
 *
 * The key itself never leaves this object except by `text()`: protocols use keys derived from it, one per purpose, and an
 * object that is logged or serialised shows a placeholder.
 */
import { hkdfSync, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { HoldfastError } from '../../common/index.ts'

const prefix = 'hfk1-'
const keyBytes = 32
const idBytes = 8
const placeholder = '[cluster key]'

export class ClusterKey {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    if (bytes.byteLength !== keyBytes) throw badKey(`it has ${bytes.byteLength} bytes`)
    this.#bytes = Uint8Array.from(bytes)
  }

  static generate(): ClusterKey {
    return new ClusterKey(randomBytes(keyBytes))
  }

  /** BAD_CONFIG when the text is no cluster key; the message does not repeat it. */
  static parse(text: string): ClusterKey {
    const trimmed = text.trim()
    if (!trimmed.startsWith(prefix)) throw badKey(`it does not start with \`${prefix}\``)
    const encoded = trimmed.slice(prefix.length)
    const bytes = Buffer.from(encoded, 'base64url')
    if (bytes.toString('base64url') !== encoded) throw badKey('it is not base64url')
    return new ClusterKey(bytes)
  }

  /** The form to give to another node. Not for logs. */
  text(): string {
    return prefix + Buffer.from(this.#bytes).toString('base64url')
  }

  /** 32 bytes for one purpose (HKDF-SHA256); keys of different domains tell nothing about each other or about this key. */
  derive(domain: string): Uint8Array {
    return new Uint8Array(hkdfSync('sha256', this.#bytes, new Uint8Array(0), domain, keyBytes))
  }

  /** Tells keys apart in clear text; says nothing of the key. */
  get id(): string {
    return Buffer.from(this.derive('holdfast/1 key id').subarray(0, idBytes)).toString('hex')
  }

  toString(): string {
    return placeholder
  }

  toJSON(): string {
    return placeholder
  }

  [inspect.custom](): string {
    return placeholder
  }
}

function badKey(why: string): HoldfastError {
  return new HoldfastError(
    'BAD_CONFIG',
    `The cluster key is not valid: ${why}. It is \`hfk1-\` and 43 characters, the same on every node of the cluster.`,
  )
}
