/** The cluster keys from the options, or one made for this data folder: a node without a configured key is a cluster of its own. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HoldfastError } from '../../placement/errors.ts'
import { ClusterKey, readClusterKeys } from '../net/index.ts'

export interface ClusterKeyOptions {
  readonly 'cluster.key': string
  readonly 'cluster.keyFile': string
}

/** The current key first. */
export async function loadClusterKeys(options: ClusterKeyOptions, dataPath: string): Promise<ClusterKey[]> {
  const { 'cluster.key': text, 'cluster.keyFile': file } = options
  if (text !== '' && file !== '') {
    throw new HoldfastError('BAD_CONFIG', 'cluster.key and cluster.keyFile are both set; remove one of them.')
  }
  if (text !== '') return [ClusterKey.parse(text)]
  if (file !== '') return readClusterKeys(file)
  const path = join(dataPath, 'cluster.key')
  await writeNewKey(path)
  return readClusterKeys(path)
}

/** Leaves an existing key alone. The file appears whole: `link` fails when another process was first. */
async function writeNewKey(path: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, `${ClusterKey.generate().text()}\n`, { mode: 0o600, flush: true })
  try {
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(temporary)
  }
}
