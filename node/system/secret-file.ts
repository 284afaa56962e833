/**
 * Files of secrets. Read: whole, and an error names the option and repeats nothing of the contents. Written: whole or not at all,
 * mode 0600, and never over another one: when two processes make it at once, both end up with the same one. What a process that
 * died left beside it is removed.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { systemClock } from './clock.ts'
import { passCrashPoint } from './crash-point.ts'
import { makeFolder } from './make-folder.ts'

const ownerOnly = 0o600
/** Writing takes milliseconds: a temporary file of this age belongs to nobody. */
const abandonedMs = 60_000

export interface SecretFileForm {
  /** A secret of the file in words, as in 'cluster key'. */
  readonly what: string
  /** The option that named the file. */
  readonly option: string
  /** A larger one is some other file. */
  readonly bytesMax: number
}

/** BAD_CONFIG when it cannot be read or is too large to be what it should. */
export async function readSecretFile(path: string, { what, option, bytesMax }: SecretFileForm): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new HoldfastError(
      'BAD_CONFIG',
      `The ${what} file ${path} cannot be read; check ${option} and its permissions.`,
      { details: { path }, cause },
    )
  }
  if (text.length > bytesMax) throw new HoldfastError('BAD_CONFIG', `${path} holds more than ${what}s.`)
  return text
}

/** False when the file exists already. `link` fails then, where `rename` would replace another process's secret. */
export async function writeSecretOnce(path: string, text: string): Promise<boolean> {
  await makeFolder(dirname(path), 0o700)
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(temporary, 'wx', ownerOnly)
  passCrashPoint('secret.made')
  try {
    const half = Math.floor(text.length / 2)
    await file.writeFile(text.slice(0, half))
    passCrashPoint('secret.half-written')
    await file.writeFile(text.slice(half))
    await file.sync()
    passCrashPoint('secret.synced')
  } finally {
    await file.close()
  }
  try {
    await link(temporary, path)
    passCrashPoint('secret.linked')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(temporary)
    passCrashPoint('secret.tidied')
  }
}

/** Removes temporary files that writers of `path` left when they died. To be called at every start, found secret or not. */
export async function tidySecret(path: string): Promise<void> {
  const prefix = `${basename(path)}.`
  if (!existsSync(dirname(path))) return
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{12}$/.test(name.slice(prefix.length))) continue
    const left = join(dirname(path), name)
    try {
      const { mtimeMs } = await stat(left)
      if (systemClock.wallMs() - mtimeMs > abandonedMs) await unlink(left)
    } catch (error) {
      // Another process that starts now was faster.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
