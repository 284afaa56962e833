import { MemoryState } from '../support/memory-state.ts'
import { testStateStore } from './state-store.suite.ts'

testStateStore('in memory, for tests', async () => {
  const state = new MemoryState()
  return { open: async () => state, remove: async () => {} }
})
