/**
 * The files of a folder that make up a model, in the order of their paths, with a note for all that is left out or not kept.
 *
 * A symlink is followed while its target lies in the folder, and from a snapshot of a hub cache into the blobs of the same
 * repository. Anything else that could not come out of a pull as it went in is an error rather than a silent gap.
 */
import type { Stats } from 'node:fs'
import { opendir, realpath, stat } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { errnoOf } from '../stores/file/errno.ts'
import { fileFailure, onFile } from './file-failure.ts'
import {
  checkName,
  checkNoTwins,
  emptyFolderNote,
  executableNote,
  type FileNote,
  leftOut,
  portabilityNote,
  refused,
} from './file-rules.ts'
import { blobsOf, isRepository, mainSnapshot } from './hub-cache.ts'

export interface SourceFile {
  /** As the manifest will have it. */
  readonly path: string
  /** As the user can find it, for messages. */
  readonly userPath: string
  /** Where it lies on this machine, with all links resolved. */
  readonly absolutePath: string
  readonly sizeBytes: number
}

export interface Source {
  /** Sorted by path. */
  readonly files: readonly SourceFile[]
  readonly notes: readonly FileNote[]
}

export interface WalkOptions {
  readonly filesMax: number
  /** A folder in the source that is somebody else's, by its real path: passed over. */
  readonly without?: readonly string[]
  readonly signal?: AbortSignal
}

/** `source` is a folder, or a single file that becomes a model of one file. BAD_REQUEST, and the codes of file-failure.ts. */
export async function walkSource(source: string, options: WalkOptions): Promise<Source> {
  const root = await realSource(source)
  const entry = await onFile(source, 'read', () => stat(root))
  if (!entry.isFile() && !entry.isDirectory())
    throw refused(source, `it is a ${kindOf(entry)}`, 'Name a file or a folder')
  const walk: Walk = { source, root, blobs: blobsOf(root), files: [], notes: [], options }
  if (entry.isFile()) take(walk, basename(source), root, entry)
  else await walkRoot(walk)
  checkNoTwins(walk.files.map(({ path }) => path))
  return { files: walk.files.sort((a, b) => (a.path < b.path ? -1 : 1)), notes: walk.notes }
}

interface Walk {
  readonly source: string
  readonly root: string
  readonly blobs: string | null
  readonly files: SourceFile[]
  readonly notes: FileNote[]
  readonly options: WalkOptions
}

async function walkRoot(walk: Walk): Promise<void> {
  const { root, source } = walk
  await walkFolder(walk, root, '', [root])
  if (walk.files.length > 0) return
  const hidden = walk.notes.some(({ kind }) => kind === 'hidden' || kind === 'partial-download')
  const why = hidden
    ? 'the folder has no files but those that are left out (names that begin with a dot, unfinished downloads)'
    : 'the folder has no files'
  throw refused(source, why, 'Put the files of the model there')
}

/** `ancestors`: real paths of the folders above and of this one, so that a symlink to one of them is seen as a circle. */
async function walkFolder(walk: Walk, folder: string, prefix: string, ancestors: readonly string[]): Promise<void> {
  let entryCount = 0
  const shown = join(walk.source, prefix)
  if (isRepository(folder)) {
    const snapshot = (await mainSnapshot(folder)) ?? join(folder, 'snapshots', 'REVISION')
    throw refused(shown, 'it is a repository of a hub cache, with every file in it twice', `Name ${snapshot}`)
  }
  const names = await onFile(shown, 'read', async () => {
    const found: { name: string; isLink: boolean }[] = []
    for await (const entry of await opendir(folder)) found.push({ name: entry.name, isLink: entry.isSymbolicLink() })
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  })
  for (const { name, isLink } of names) {
    walk.options.signal?.throwIfAborted()
    const entryPath = join(folder, name)
    if (walk.options.without?.includes(entryPath)) continue
    entryCount++
    const path = prefix === '' ? name : `${prefix}/${name}`
    const note = leftOut(path)
    if (note !== null) {
      walk.notes.push(note)
      continue
    }
    const target = await resolveEntry(walk, entryPath, path, isLink)
    if (!target.entry.isDirectory()) take(walk, path, target.path, target.entry)
    else if (ancestors.includes(target.path))
      throw refused(path, 'the symlink leads back to a folder above it', 'Remove it')
    else await walkFolder(walk, target.path, path, [...ancestors, target.path])
  }
  if (entryCount === 0 && prefix !== '') walk.notes.push(emptyFolderNote(prefix))
}

async function resolveEntry(walk: Walk, entryPath: string, path: string, isLink: boolean) {
  const real = isLink ? await realTarget(walk, entryPath, path) : entryPath
  const entry = await onFile(join(walk.source, path), 'read', () => stat(real))
  if (entry.isFile() || entry.isDirectory()) return { path: real, entry }
  throw refused(path, `it is a ${kindOf(entry)}`, 'Remove it, or copy the files of the model elsewhere,')
}

async function realTarget({ root, blobs }: Walk, entryPath: string, path: string): Promise<string> {
  let real: string
  try {
    real = await realpath(entryPath)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ELOOP') throw refused(path, 'the symlink leads in a circle', 'Remove it')
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw fileFailure(error, path, 'read')
    const action = blobs === null ? 'Remove it' : 'Download the file again'
    throw refused(path, 'the symlink leads nowhere', action)
  }
  if (isBelow(real, root) || (blobs !== null && isBelow(real, blobs))) return real
  throw refused(path, `the symlink leads out of the folder, to ${real}`, 'Make a copy with cp -rL')
}

function take(walk: Walk, path: string, absolutePath: string, entry: Stats): void {
  checkName(path)
  const { files, notes, source, options } = walk
  const userPath = absolutePath === walk.root ? source : join(source, path)
  files.push({ path, userPath, absolutePath, sizeBytes: entry.size })
  const portability = portabilityNote(path)
  if (portability !== null) notes.push(portability)
  if ((entry.mode & 0o111) !== 0) notes.push(executableNote(path))
  if (files.length > options.filesMax)
    throw refused(source, `it has more than ${options.filesMax} files`, 'Pack them into fewer')
}

/** What stands there, in words. */
function kindOf(entry: Stats): string {
  if (entry.isFIFO()) return 'named pipe'
  if (entry.isSocket()) return 'socket'
  return entry.isBlockDevice() || entry.isCharacterDevice() ? 'device' : 'special file'
}

async function realSource(source: string): Promise<string> {
  try {
    return await realpath(source)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      throw new HoldfastError('BAD_REQUEST', `${source} cannot be pushed: there is no such file or folder.`, {
        details: { path: source },
        cause: error,
      })
    throw fileFailure(error, source, 'read')
  }
}

const isBelow = (path: string, folder: string): boolean => path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
