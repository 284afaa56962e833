/**
 * The one rule book of names and kinds of files: what a push and an adoption take, leave out and refuse. Nothing is dropped
 * silently. What is left out is told as a note; what could not come out of a pull as it went in is refused by its name.
 */
import { HoldfastError } from '../../common/index.ts'
import { pathProblem } from './file-path.ts'

/** What the operator should know of a file that was pushed, adopted or left out. */
export interface FileNote {
  readonly kind: 'hidden' | 'partial-download' | 'empty-folder' | 'executable' | 'not-portable' | 'plain-bytes'
  /** In the model, with '/'. */
  readonly path: string
  readonly message: string
}

/** Ends of names that download tools give to what has not arrived in whole. */
const partialEnds = ['.incomplete', '.part', '.partial', '.crdownload', '.aria2']
/** Folders and files beside a model in which download tools keep their state. */
const downloadState = ['.cache', '.locks', '.no_exist', '.holdfast-partial']
const windowsDevice = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i
const notOnWindows = /[<>:"|?*]|[. ]$/

/** Null when the file of this path is taken; `path` may also be that of a folder. */
export function leftOut(path: string): FileNote | null {
  // '.' and '..' are no names: checkName refuses them.
  const part = path.split('/').find((name) => name.startsWith('.') && !['.', '..'].includes(name))
  if (part !== undefined) {
    const why = downloadState.includes(part)
      ? `${path} is left out: a download tool keeps its state there.`
      : `${path} is left out: its name begins with a dot. Rename it if the model needs it.`
    return { kind: 'hidden', path, message: why }
  }
  if (!partialEnds.some((end) => path.endsWith(end))) return null
  const message = `${path} is left out: it is a download that has not ended. Finish it and push again if the model needs it.`
  return { kind: 'partial-download', path, message }
}

/** BAD_REQUEST unless a pull can write the path on every system that has such files. */
export function checkName(path: string): void {
  const problem = pathProblem(path)
  if (problem !== null) throw refused(path, `its name ${problem}`, 'Rename it')
  // A name that is not UTF-8 reached us with replacement characters, under which nobody could open it.
  if (path.includes('\ufffd')) throw refused(path, 'its name is not UTF-8', 'Rename it')
}

/** Names that Linux and macOS take and Windows does not. */
export function portabilityNote(path: string): FileNote | null {
  const part = path.split('/').find((name) => windowsDevice.test(name) || notOnWindows.test(name))
  if (part === undefined) return null
  const message = `${path} cannot be pulled on Windows, which has no file named ${JSON.stringify(part)}.`
  return { kind: 'not-portable', path, message }
}

export function executableNote(path: string): FileNote {
  const message = `${path} is executable, which a model does not keep. Run chmod +x after a pull.`
  return { kind: 'executable', path, message }
}

export function emptyFolderNote(path: string): FileNote {
  return { kind: 'empty-folder', path, message: `${path} is an empty folder, which a model does not keep.` }
}

export function plainBytesNote(path: string, why: string): FileNote {
  const message = `${path} is moved as plain bytes, without tensors. ${why}.`
  return { kind: 'plain-bytes', path, message }
}

/** BAD_REQUEST when two paths are one on a file system that ignores case or normalises Unicode (macOS, Windows). */
export function checkNoTwins(paths: readonly string[]): void {
  const files = new Map<string, string>()
  for (const path of paths) {
    const twin = files.get(folded(path))
    if (twin !== undefined) throw twins(twin, path)
    files.set(folded(path), path)
  }
  for (const path of paths) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const file = files.get(folded(path.slice(0, slash)))
      if (file !== undefined) throw twins(file, path)
    }
  }
}

/** As APFS and NTFS compare names. */
const folded = (path: string): string => path.normalize('NFD').toLowerCase().normalize('NFC')

function twins(one: string, other: string): HoldfastError {
  const how = one.normalize('NFC') === other.normalize('NFC') ? 'Unicode form' : 'upper and lower case'
  const why = `it differs from ${JSON.stringify(one)} only by ${how}, and many file systems take both for one name`
  return refused(other, why, 'Rename one of them')
}

export function refused(path: string, why: string, action: string): HoldfastError {
  // Control characters are shown as escapes: the message goes to a terminal.
  const shown = /[\p{C}\ufffd]/u.test(path) ? JSON.stringify(path) : path
  return new HoldfastError('BAD_REQUEST', `${shown} cannot be pushed: ${why}. ${action} and push again.`, {
    details: { path },
  })
}
