import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../node/system/index.ts'
import { FileStore } from '../../origin/index.ts'
import { CountingObjectStore } from '../support/counting-object-store.ts'
import { testObjectStore } from './object-store.suite.ts'

testObjectStore('memory', async () => {
  const store = new CountingObjectStore()
  return { store, sameStoreElsewhere: new CountingObjectStore(store), stop: async () => {} }
})

for (const blocking of [false, true]) {
  testObjectStore(blocking ? 'file, read in place' : 'file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-store-'))
    return {
      store: new FileStore(folder, { clock: systemClock, blocking }),
      sameStoreElsewhere: new FileStore(folder, { clock: systemClock, blocking }),
      stop: () => rm(folder, { recursive: true, force: true }),
    }
  })
}
