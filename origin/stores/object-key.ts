/** Keys of origin objects: what they may look like, and the key of each kind of record. */

import { HoldfastError, type ModelId } from '../../common/index.ts'
import { pathProblem } from '../files/file-path.ts'

/** Where a store may keep what is its own (locks, unfinished writes): no key begins with it. */
export const reservedFolder = '.holdfast'

export function checkKey(key: string): void {
  const problem = pathProblem(key) ?? (key.split('/')[0] === reservedFolder ? `begins with ${reservedFolder}` : null)
  if (problem === null) return
  throw new HoldfastError('BAD_REQUEST', `The object key ${JSON.stringify(key.slice(0, 200))} ${problem}.`)
}

export const manifestKey = (digest: ModelId): string => `manifests/${digest}.json`
export const locationsKey = (digest: ModelId): string => `locations/${digest}.json`
/** `prefix`: the first two hex digits of the chunks in the shard. */
export const chunkShardKey = (prefix: string): string => `chunks/${prefix}.json`
export const packFolder = 'objects/packs/'
/** `pushId`: of the push or gc that writes it; `name`: unique within that. */
export const packKey = (pushId: string, name: string): string => `${packFolder}${pushId}-${name}`
/** First parts of the keys that Holdfast gives; whatever else lies below an origin's prefix is somebody's own. */
export const ownFolders: readonly string[] = [
  'manifests',
  'locations',
  'refs',
  'chunks',
  'objects',
  'pushes',
  'gc',
  'removed',
  'history',
]
