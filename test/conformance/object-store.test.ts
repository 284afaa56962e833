import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../node/system/index.ts'
import { FileStore } from '../../origin/index.ts'
import { testObjectStore } from './object-store.suite.ts'

testObjectStore('file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-store-'))
  return {
    store: new FileStore(folder, { clock: systemClock }),
    sameStoreElsewhere: new FileStore(folder, { clock: systemClock }),
    stop: () => rm(folder, { recursive: true, force: true }),
  }
})
