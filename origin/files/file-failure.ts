/** What the operating system refuses about a user's own files, as errors with stable codes: which path, and what to do. */
import { type ErrorCode, HoldfastError } from '../../common/index.ts'
import { errnoOf } from '../stores/file/errno.ts'

type Failure = readonly [code: ErrorCode, why: string, action: string]

const failures: Readonly<Record<string, Failure>> = {
  ENOSPC: ['DISK_FULL', 'the disk is full', 'Free space there and try again'],
  EDQUOT: ['DISK_FULL', 'the quota of this user is used up', 'Free space there, or ask for more, and try again'],
  EFBIG: ['DISK_FULL', 'the file system has no files of this size', 'Use another file system'],
  EACCES: [
    'FILE_DENIED',
    'this user has no permission',
    'Check owner and mode of the file and of the folders above it',
  ],
  EPERM: ['FILE_DENIED', 'this user has no permission', 'Check owner, mode and attributes of the file'],
  EROFS: ['FILE_DENIED', 'the file system is read-only', 'Mount it writable, or use another folder'],
  ENOTDIR: ['PATH_CONFLICT', 'a file is where a folder has to be', 'Remove that file, or use another folder'],
  EISDIR: ['PATH_CONFLICT', 'a folder is where a file has to be', 'Remove that folder, or use another one'],
  EEXIST: ['PATH_CONFLICT', 'something else has this name', 'Remove it, or use another folder'],
  ELOOP: ['PATH_CONFLICT', 'its links lead in a circle, or to where a link may not be', 'Remove the link'],
  ENAMETOOLONG: ['PATH_CONFLICT', 'its name is too long for the file system', 'Use a folder with a shorter path'],
  ENOENT: ['FILE_FAILED', 'there is no such file or folder', 'Check the path; something may have removed it meanwhile'],
  EMFILE: ['FILE_FAILED', 'this process has too many files open', 'Raise the limit with ulimit -n'],
  ENFILE: ['FILE_FAILED', 'this machine has too many files open', 'Close programs, or raise fs.file-max'],
  EIO: ['FILE_FAILED', 'the disk has failed to read or write', 'Check the disk, and copy what it still gives'],
  ESTALE: ['FILE_FAILED', 'the server of the file system has forgotten it', 'Mount it again'],
}

/**
 * A HoldfastError of an error of the operating system; any other error as it is. `path` is as the user wrote it, `doing` is
 * read after "cannot be": 'read', 'written'.
 */
export function fileFailure(error: unknown, path: string, doing: string): unknown {
  const errno = errnoOf(error)
  if (error instanceof HoldfastError || errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) return error
  const [code, why, action] = failures[errno] ?? [
    'FILE_FAILED',
    'the system refuses it',
    'See the error for the reason',
  ]
  return new HoldfastError(code, `${path} cannot be ${doing}: ${why} (${errno}). ${action}.`, {
    details: { path, errno },
    cause: error,
  })
}

/** Runs work on a file of the user. */
export async function onFile<T>(path: string, doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fileFailure(error, path, doing)
  }
}
