/**
 * The files of a folder that make up a model, in the order of their paths.
 *
 * Names that begin with a dot (.git, .cache, .DS_Store) are left out. A symlink is followed while its target lies in the
 * folder. Anything else that could not come out of a pull as it went in is an error rather than a silent gap.
 */
import { opendir, realpath, stat } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { pathProblem } from '../manifest/file-path.ts'
import { errnoOf } from '../stores/file/errno.ts'

export interface SourceFile {
  /** As the manifest will have it. */
  readonly path: string
  /** Where it lies on this machine. */
  readonly absolutePath: string
  readonly sizeBytes: number
}

export interface WalkOptions {
  readonly filesMax: number
  readonly signal?: AbortSignal
}

/** `source` is a folder, or a single file that becomes a model of one file. */
export async function walkSource(source: string, options: WalkOptions): Promise<SourceFile[]> {
  const root = await realSource(source)
  const entry = await stat(root)
  if (entry.isFile()) return [checked({ path: basename(source), absolutePath: root, sizeBytes: entry.size })]
  if (!entry.isDirectory()) throw badSource(source, 'it is neither a file nor a folder')
  const files: SourceFile[] = []
  await walkFolder({ root, files, options }, root, '', [root])
  if (files.length === 0) throw badSource(source, 'the folder has no files (names that begin with a dot are left out)')
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

interface Walk {
  readonly root: string
  readonly files: SourceFile[]
  readonly options: WalkOptions
}

/** `ancestors`: real paths of the folders above and of this one, so that a symlink to one of them is seen as a circle. */
async function walkFolder(walk: Walk, folder: string, prefix: string, ancestors: readonly string[]): Promise<void> {
  for await (const entry of await opendir(folder)) {
    walk.options.signal?.throwIfAborted()
    if (entry.name.startsWith('.')) continue
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    const target = await resolveEntry(walk.root, join(folder, entry.name), path, entry.isSymbolicLink())
    if (target.kind === 'folder') {
      if (ancestors.includes(target.path)) throw badSource(path, 'the symlink leads back to a folder above it')
      await walkFolder(walk, target.path, path, [...ancestors, target.path])
    } else {
      walk.files.push(checked({ path, absolutePath: target.path, sizeBytes: target.sizeBytes }))
      if (walk.files.length > walk.options.filesMax)
        throw badSource(walk.root, `it has more than ${walk.options.filesMax} files`)
    }
  }
}

async function resolveEntry(root: string, entryPath: string, path: string, isLink: boolean) {
  const real = isLink ? await realTarget(entryPath, path) : entryPath
  if (isLink && !real.startsWith(root + sep)) {
    throw badSource(path, `the symlink leads out of the folder, to ${real}. Push a copy made with cp -rL`)
  }
  const entry = await stat(real)
  if (entry.isFile()) return { kind: 'file' as const, path: real, sizeBytes: entry.size }
  if (entry.isDirectory()) return { kind: 'folder' as const, path: real }
  throw badSource(path, 'it is neither a file nor a folder')
}

async function realSource(source: string): Promise<string> {
  try {
    return await realpath(source)
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'there is no such file or folder' : (error as Error).message
    throw badSource(source, why)
  }
}

async function realTarget(entryPath: string, path: string): Promise<string> {
  try {
    return await realpath(entryPath)
  } catch {
    throw badSource(path, 'the symlink leads nowhere')
  }
}

function checked(file: SourceFile): SourceFile {
  const problem = pathProblem(file.path)
  // A name that is not UTF-8 reached us with replacement characters, under which nobody could open it.
  if (problem !== null || file.path.includes('\ufffd'))
    throw badSource(file.path, `its name ${problem ?? 'is not UTF-8'}`)
  return file
}

function badSource(path: string, why: string): HoldfastError {
  return new HoldfastError('BAD_REQUEST', `${path} cannot be pushed: ${why}.`, { details: { path } })
}
