/**
 * Paths inside a model and keys inside an origin share one rule: relative, '/'-separated, already normalised. A string that
 * passes can be joined to a folder and stays below it on every platform.
 */

/** Longest path in UTF-8 bytes: the key limit of S3 is 1024, PATH_MAX of macOS is 1024. */
export const pathBytesMax = 1024
/** Longest component in UTF-8 bytes: NAME_MAX of Linux and macOS, less what a temporary name adds. */
export const pathPartBytesMax = 240

/** null when the path is safe, else why it is not, to be read after "the path". */
export function pathProblem(path: string): string | null {
  if (path === '') return 'is empty'
  if (!path.isWellFormed()) return 'has a lone surrogate'
  // One pass over the characters, since manifests list 10^5 paths.
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return 'has a control character'
    if (code === 0x5c) return "has a '\\'"
  }
  if (path.charCodeAt(0) === 0x2f) return 'is absolute'
  if (/^[A-Za-z]:/.test(path)) return 'begins with a drive letter'
  if (Buffer.byteLength(path) > pathBytesMax) return `is longer than ${pathBytesMax} bytes`
  for (const part of path.split('/')) {
    if (part === '') return "has an empty part ('//' or a '/' at the end)"
    if (part === '.' || part === '..') return `has a part '${part}'`
    if (part.length > pathPartBytesMax / 3 && Buffer.byteLength(part) > pathPartBytesMax) {
      return `has a part longer than ${pathPartBytesMax} bytes`
    }
  }
  return null
}
