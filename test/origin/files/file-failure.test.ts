import { describe, expect, test } from 'vitest'
import { fileFailure, onFile } from '../../../origin/files/file-failure.ts'

const failed = (code: string) => Object.assign(new Error(`${code}: no`), { code })

describe("an error of the user's file system", () => {
  test.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EACCES', 'FILE_DENIED'],
    ['EPERM', 'FILE_DENIED'],
    ['EROFS', 'FILE_DENIED'],
    ['ENOTDIR', 'PATH_CONFLICT'],
    ['EISDIR', 'PATH_CONFLICT'],
    ['ENAMETOOLONG', 'PATH_CONFLICT'],
    ['ELOOP', 'PATH_CONFLICT'],
    ['ENOENT', 'FILE_FAILED'],
    ['EMFILE', 'FILE_FAILED'],
    ['EIO', 'FILE_FAILED'],
    ['EOVERFLOW', 'FILE_FAILED'],
  ])('%s is %s, and names the path as the user wrote it', async (errno, code) => {
    const work = onFile('./models/a.bin', 'written', () => Promise.reject(failed(errno)))
    await expect(work).rejects.toMatchObject({
      code,
      details: { path: './models/a.bin', errno },
      message: expect.stringMatching(new RegExp(`^./models/a.bin cannot be written: .*\\(${errno}\\)\\. [A-Z].*\\.$`)),
    })
  })

  test('is none that comes from elsewhere', () => {
    for (const error of [new Error('x'), failed('ABORT_ERR'), failed('ERR_INVALID_ARG_TYPE')])
      expect(fileFailure(error, 'a', 'read')).toBe(error)
  })
})
