/**
 * Where the files to adopt lie, seen from an origin: below its prefix, or elsewhere in the same bucket. Nowhere else, since an
 * origin must not depend on what its credentials or its disk need not reach.
 */
import { realpath } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HoldfastError } from '../../common/index.ts'
import {
  checkName,
  checkNoTwins,
  emptyFolderNote,
  type FileNote,
  leftOut,
  portabilityNote,
  refused,
} from '../files/file-rules.ts'
import { walkSource } from '../files/source-walk.ts'
import { ownFolders, reservedFolder } from '../stores/object-key.ts'
import type { ListedObject, ObjectReader, ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import { parseS3Url } from '../stores/s3/s3-url.ts'

export interface AdoptPlace {
  readonly reader: ObjectReader
  /** Key of the folder or file in the reader; '' is all of it. */
  readonly path: string
  readonly base: { readonly base?: 'bucket' }
  /** Folder of the origin, when it is one of this machine. */
  readonly root: string | null
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

export interface AdoptSource {
  /** Sorted by path. */
  readonly files: readonly AdoptFile[]
  readonly notes: readonly FileNote[]
}

/** By the rules of a push (files/file-rules.ts): all that lies there is taken, told in a note, or refused. */
export async function listAdoptFiles(
  place: AdoptPlace,
  options: StoreAbortOptions & { readonly filesMax: number },
): Promise<AdoptSource> {
  const { files, notes } =
    place.root === null ? await listKeys(place, options) : await listFolder(place.root, place, options)
  if (files.length > 0) return { files, notes }
  const where = place.path === '' ? place.reader.url : place.path
  throw new HoldfastError('ORIGIN_NOT_FOUND', `There are no files at ${where} to adopt.`)
}

/** A folder of this machine is walked as for a push; a file that a link leads to is adopted where it lies. */
async function listFolder(
  root: string,
  { path }: AdoptPlace,
  options: StoreAbortOptions & { readonly filesMax: number },
): Promise<AdoptSource> {
  const source = join(root, path)
  const realRoot = await realpath(source).then(
    () => realpath(root),
    () => null,
  )
  if (realRoot === null) return { files: [], notes: [] }
  const without = [...ownFolders, reservedFolder].map((folder) => join(realRoot, folder))
  const walked = await walkSource(source, { ...options, without })
  const files = walked.files.map((file) => {
    const key = relative(realRoot, file.absolutePath)
    if (key.startsWith('..'))
      throw refused(file.path, `it leads out of the origin, to ${file.absolutePath}`, 'Push it instead, or copy it,')
    return { key, path: file.path, sizeBytes: file.sizeBytes, modifiedMs: 0 }
  })
  return { files, notes: walked.notes }
}

async function listKeys(
  { reader, path, base }: AdoptPlace,
  options: StoreAbortOptions & { readonly filesMax: number },
): Promise<AdoptSource> {
  const { filesMax, ...abort } = options
  if (path !== '') {
    const head = await reader.head(path, abort)
    if (head) return { files: [{ key: path, path: path.slice(path.lastIndexOf('/') + 1), ...head }], notes: [] }
  }
  const prefix = path === '' ? '' : `${path}/`
  const files: AdoptFile[] = []
  const notes = new Map<string, FileNote>()
  const folders: string[] = []
  for await (const object of reader.list(prefix, { ...abort, foreign: true })) {
    const name = object.key.slice(prefix.length)
    const isOwn =
      base.base === undefined && path === '' && [...ownFolders, reservedFolder].includes(name.split('/')[0]!)
    if (isOwn || name === '') continue
    const note = leftOut(name)
    // What tools put where a folder is that has no files yet.
    if (name.endsWith('/') && object.sizeBytes === 0) folders.push(name)
    else if (note !== null) notes.set(note.path, note)
    else {
      checkName(name)
      const portability = portabilityNote(name)
      if (portability !== null) notes.set(name, portability)
      files.push({ ...object, path: name })
    }
    if (files.length > filesMax)
      throw new HoldfastError('BAD_REQUEST', `There are more than ${filesMax} files in ${path}. Pack them into fewer.`)
  }
  checkNoTwins(files.map((file) => file.path))
  const filled = new Set(files.map((file) => `${dirname(file.path)}/`))
  for (const folder of folders) {
    if (!filled.has(folder)) notes.set(folder, emptyFolderNote(folder.slice(0, -1)))
  }
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), notes: [...notes.values()] }
}

function placeInBucket(store: ObjectStore, from: string): AdoptPlace {
  const origin = parseS3Url(store.url)
  const target = parseS3Url(from)
  const isSameStore = target.endpoint === origin.endpoint || !from.includes('?')
  if (target.bucket !== origin.bucket || !isSameStore) throw outside(store, from, `the bucket ${origin.bucket}`)
  const path = target.prefix.replace(/\/$/, '')
  if (target.prefix.startsWith(origin.prefix)) return inStore(store, from, path.slice(origin.prefix.length), null)
  if (origin.prefix.startsWith(target.prefix)) throw outside(store, from, 'a folder beside the origin, not around it')
  return { reader: store.bucket!, path, base: { base: 'bucket' }, root: null }
}

function placeInFolder(store: ObjectStore, from: string): AdoptPlace {
  const root = fileURLToPath(store.url).replace(/\/+$/, '')
  if (!from.startsWith('file:///')) throw outside(store, from, `the folder ${root}`)
  const path = fileURLToPath(from).replace(/\/+$/, '')
  if (path !== root && !path.startsWith(`${root}/`)) throw outside(store, from, `the folder ${root}`)
  return inStore(store, from, path.slice(root.length + 1), root)
}

function inStore(store: ObjectStore, from: string, path: string, root: string | null): AdoptPlace {
  if (ownFolders.includes(path.split('/')[0]!)) throw outside(store, from, 'a folder that is not of its own records')
  return { reader: store, path, base: {}, root }
}

function outside(store: ObjectStore, from: string, what: string): HoldfastError {
  return new HoldfastError(
    'BAD_ORIGIN_URL',
    `${from.slice(0, 200)} cannot be adopted into ${store.url}: files must lie in ${what}. Push them instead.`,
  )
}
