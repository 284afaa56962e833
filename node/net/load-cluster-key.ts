/** The cluster keys from the options, or one made for this data folder: a node without a configured key is a cluster of its own. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { tidySecret, writeSecretOnce } from '../system/index.ts'
import { ClusterKey } from './cluster-key.ts'
import { readClusterKeys } from './cluster-keyring.ts'

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
  await tidySecret(path)
  if (!existsSync(path)) await writeSecretOnce(path, `${ClusterKey.generate().text()}\n`)
  return readClusterKeys(path)
}
