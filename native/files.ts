/** Work on plain files by native threads: what push and pull of an origin do with bytes. A process without a store has it too. */
import { HoldfastError } from '../common/index.ts'
import { type Addon, loadAddon } from './addon.ts'
import { systemError } from './system-error.ts'
import type { FilePlace, FileRange, FileWork } from './types.ts'

let loaded: FileWork | null | undefined

/** Null where the native part is not built. */
export function nativeFileWork(): FileWork | null {
  if (loaded === undefined) loaded = load()
  return loaded
}

function load(): FileWork | null {
  let addon: Addon
  try {
    addon = loadAddon()
  } catch (error) {
    if (error instanceof HoldfastError) return null
    throw error
  }
  return {
    hashRange: ({ fd, offsetBytes, sizeBytes }) => asSystemError(addon.hashRange(fd, offsetBytes, sizeBytes)),
    hashBytes: (bytes) => addon.hashBytes(bytes),
    readHashed: (fd, offsetBytes, target) => asSystemError(addon.readHashed(fd, offsetBytes, target)),
    writeVerified: (bytes, sha256, to) => asSystemError(addon.writeVerified(bytes, sha256, ...placeOf(to))),
    copyVerified: (from, sha256, to) => asSystemError(addon.copyVerified(...rangeOf(from), sha256, ...placeOf(to))),
    newHash: () => new addon.FileHash(),
  }
}

const rangeOf = ({ fd, offsetBytes, sizeBytes }: FileRange) => [fd, offsetBytes, sizeBytes] as const
const placeOf = ({ fd, offsetBytes, zerosFromBytes }: FilePlace) => [fd, offsetBytes, zerosFromBytes] as const

function asSystemError<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: Error & { details?: { errno?: number } }) => {
    const errno = error.details?.errno
    if (errno === undefined) throw error
    throw systemError(errno, error.message, error)
  })
}
