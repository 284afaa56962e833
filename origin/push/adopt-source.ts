/**
 * Where the files to adopt lie, seen from an origin: below its prefix, or elsewhere in the same bucket. Nowhere else, since an
 * origin must not depend on what its credentials or its disk need not reach.
 */
import { fileURLToPath } from 'node:url'
import { HoldfastError } from '../../common/index.ts'
import { ownFolders } from '../stores/object-key.ts'
import type { ListedObject, ObjectReader, ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import { parseS3Url } from '../stores/s3/s3-url.ts'

export interface AdoptPlace {
  readonly reader: ObjectReader
  /** Key of the folder or file in the reader; '' is all of it. */
  readonly path: string
  readonly base: { readonly base?: 'bucket' }
}

export interface AdoptFile extends ListedObject {
  /** In the model. */
  readonly path: string
}

/** BAD_ORIGIN_URL when it does not lie in the origin or its bucket. */
export function adoptPlace(store: ObjectStore, from: string): AdoptPlace {
  const protocol = URL.parse(store.url)?.protocol
  return protocol === 's3:' ? placeInBucket(store, from) : placeInFolder(store, from)
}

/** The files there, sorted; hidden ones and the origin's own records are left out, as a push leaves out hidden files. */
export async function listAdoptFiles(
  { reader, path, base }: AdoptPlace,
  options: StoreAbortOptions & { readonly filesMax: number },
): Promise<AdoptFile[]> {
  const { filesMax, ...abort } = options
  if (path !== '') {
    const head = await reader.head(path, abort)
    if (head) return [{ key: path, path: path.slice(path.lastIndexOf('/') + 1), ...head }]
  }
  const prefix = path === '' ? '' : `${path}/`
  const files: AdoptFile[] = []
  for await (const object of reader.list(prefix, abort)) {
    const relative = object.key.slice(prefix.length)
    const isOwn = base.base === undefined && path === '' && ownFolders.includes(relative.split('/')[0]!)
    if (isOwn || isHidden(relative)) continue
    files.push({ ...object, path: relative })
    if (files.length > filesMax)
      throw new HoldfastError('BAD_REQUEST', `There are more than ${filesMax} files in ${path}.`)
  }
  if (files.length === 0) {
    throw new HoldfastError('ORIGIN_NOT_FOUND', `There are no files at ${path === '' ? reader.url : path} to adopt.`)
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

const isHidden = (path: string): boolean => path.split('/').some((part) => part.startsWith('.'))

function placeInBucket(store: ObjectStore, from: string): AdoptPlace {
  const origin = parseS3Url(store.url)
  const target = parseS3Url(from)
  const isSameStore = target.endpoint === origin.endpoint || !from.includes('?')
  if (target.bucket !== origin.bucket || !isSameStore) throw outside(store, from, `the bucket ${origin.bucket}`)
  const path = target.prefix.replace(/\/$/, '')
  if (target.prefix.startsWith(origin.prefix)) return inStore(store, from, path.slice(origin.prefix.length))
  if (origin.prefix.startsWith(target.prefix)) throw outside(store, from, 'a folder beside the origin, not around it')
  return { reader: store.bucket!, path, base: { base: 'bucket' } }
}

function placeInFolder(store: ObjectStore, from: string): AdoptPlace {
  const root = fileURLToPath(store.url).replace(/\/+$/, '')
  if (!from.startsWith('file:///')) throw outside(store, from, `the folder ${root}`)
  const path = fileURLToPath(from).replace(/\/+$/, '')
  if (path !== root && !path.startsWith(`${root}/`)) throw outside(store, from, `the folder ${root}`)
  return inStore(store, from, path.slice(root.length + 1))
}

function inStore(store: ObjectStore, from: string, path: string): AdoptPlace {
  if (ownFolders.includes(path.split('/')[0]!)) throw outside(store, from, 'a folder that is not of its own records')
  return { reader: store, path, base: {} }
}

function outside(store: ObjectStore, from: string, what: string): HoldfastError {
  return new HoldfastError(
    'BAD_ORIGIN_URL',
    `${from.slice(0, 200)} cannot be adopted into ${store.url}: files must lie in ${what}. Push them instead.`,
  )
}
