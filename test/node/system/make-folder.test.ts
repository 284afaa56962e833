import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeFolder } from '../../../node/system/make-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-folder-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('makeFolder', () => {
  it('makes a folder with its parents, private to the user, and is content with one that exists', async () => {
    await makeFolder(join(folder, 'a', 'b'), 0o700)
    await makeFolder(join(folder, 'a', 'b'), 0o700)
    expect(statSync(join(folder, 'a', 'b')).mode & 0o777).toBe(0o700)
  })

  it('ends with an error where a file is in the way', async () => {
    writeFileSync(join(folder, 'file'), '')
    await expect(makeFolder(join(folder, 'file', 'x'), 0o700)).rejects.toMatchObject({ code: 'BAD_CONFIG' })
  })

  it.runIf(process.platform === 'linux')(
    'ends with an error below /proc, where Node itself would try for ever',
    async () => {
      await expect(makeFolder('/proc/holdfast/data', 0o700)).rejects.toMatchObject({ code: 'BAD_CONFIG' })
    },
  )
})
