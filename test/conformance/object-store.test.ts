import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileStore } from '../../origin/index.ts'
import { testObjectStore } from './object-store.suite.ts'

testObjectStore('file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-store-'))
  return {
    store: new FileStore(folder),
    sameStoreElsewhere: new FileStore(folder),
    stop: () => rm(folder, { recursive: true, force: true }),
  }
})
