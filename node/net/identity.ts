/**
 * The identity of a node: an Ed25519 key made once and kept in the data folder, mode 0600. The file appears complete or not at
 * all, and when two processes make it at once both end up with the same one.
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { chmod, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { HoldfastError, type NodeId } from '../../common/index.ts'
import { tidySecret, writeSecretOnce } from '../system/index.ts'

export const identityFileName = 'identity.key'
const ownerOnly = 0o600
/** DER of an Ed25519 PKCS #8 private key up to the seed itself (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const seedBytes = 32

export class Identity {
  readonly node: NodeId
  readonly privateKey: Ed25519PrivateKey
  readonly #key: KeyObject

  constructor(privateKey: Ed25519PrivateKey) {
    this.privateKey = privateKey
    this.node = peerIdFromPrivateKey(privateKey).toString()
    const seed = privateKey.raw.subarray(0, seedBytes)
    this.#key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
  }

  static async generate(): Promise<Identity> {
    return new Identity(await generateKeyPair('Ed25519'))
  }

  sign(bytes: Uint8Array): Uint8Array {
    return sign(null, bytes, this.#key)
  }
}

/** Reads the identity of this data folder, making it on the first start. BAD_CONFIG when the file is damaged. */
export async function loadIdentity(dataPath: string): Promise<Identity> {
  const path = join(dataPath, identityFileName)
  await tidySecret(path)
  const existing = await readIdentity(path)
  if (existing !== null) return existing
  const made = await Identity.generate()
  const text = `${Buffer.from(privateKeyToProtobuf(made.privateKey)).toString('base64')}\n`
  if (await writeSecretOnce(path, text)) return made
  const winner = await readIdentity(path)
  if (winner === null) throw damaged(path, 'it vanished while it was read')
  return winner
}

async function readIdentity(path: string): Promise<Identity | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
    // A restored backup or a volume with group permissions may have opened the file; it is a secret, so close it again.
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, ownerOnly)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw damaged(path, 'it cannot be read', error)
  }
  try {
    const key = privateKeyFromProtobuf(Buffer.from(text.trim(), 'base64'))
    if (key.type === 'Ed25519') return new Identity(key)
  } catch (error) {
    throw damaged(path, 'it is not a key', error)
  }
  throw damaged(path, 'it is not an Ed25519 key')
}

function damaged(path: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'BAD_CONFIG',
    `The identity file ${path} is not usable: ${why}. Restore it, or remove it to join as a new node.`,
    { details: { path }, cause },
  )
}
