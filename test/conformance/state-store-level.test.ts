import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StateStore } from '../../node/ports/index.ts'
import { openLevelState } from '../../node/state/index.ts'
import { testStateStore } from './state-store.suite.ts'

testStateStore('level', async () => {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-state-'))
  let store: StateStore | undefined
  return {
    async open() {
      store = await openLevelState(path)
      return store
    },
    async remove() {
      await store?.close()
      await rm(path, { recursive: true, force: true })
    },
  }
})
