/**
 * The Ed25519 key that signs refs, one per user: a PEM file, mode 0600, made at the first push.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { link, open, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { onFile } from '../files/file-failure.ts'
import { errnoOf } from '../stores/file/errno.ts'
import { makeFolders, unlinkIfThere } from '../stores/file/file-ops.ts'

/** $XDG_CONFIG_HOME/holdfast/publisher.key, or ~/.config/holdfast/publisher.key. */
export function defaultPublisherKeyPath(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const configured = environment.XDG_CONFIG_HOME
  // The XDG specification has relative paths ignored.
  const folder = configured && isAbsolute(configured) ? configured : join(homedir(), '.config')
  return join(folder, 'holdfast', 'publisher.key')
}

/** Reads the key, or makes it. Two processes that both make it end up with the same one. */
export async function loadPublisherKey(path: string = defaultPublisherKeyPath()): Promise<KeyObject> {
  const existing = await readKey(path)
  if (existing) return existing
  await onFile(path, 'made', () => makeKey(path))
  const key = await readKey(path)
  if (!key) throw new HoldfastError('BAD_CONFIG', `The publisher key ${path} vanished while it was made.`)
  return key
}

async function makeKey(path: string): Promise<void> {
  await makeFolders(dirname(path), 0o700)
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
  const temporary = `${path}.${randomUUID()}.new`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(pem)
      await file.sync()
    } finally {
      await file.close()
    }
    // link, unlike rename, does not replace the key that another process has made meanwhile.
    await link(temporary, path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  } finally {
    await unlinkIfThere(temporary)
  }
}

async function readKey(path: string): Promise<KeyObject | null> {
  let pem: string
  try {
    pem = await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw new HoldfastError('BAD_CONFIG', `The publisher key ${path} cannot be read.`, { cause: error })
  }
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw new HoldfastError(
      'BAD_CONFIG',
      `${path} is not a private key in PEM form. Move it away to have a new one made.`,
      {
        cause,
      },
    )
  }
  throw new HoldfastError('BAD_CONFIG', `${path} is not an Ed25519 key. Move it away to have a new one made.`)
}
