/** Ledgers of one process that share what they hold alike: the storage that simulated nodes give to their cores. */
export { FormedEntries } from './formed-entries.ts'
export { SharedLedgers } from './shared-ledgers.ts'
export { SharedStorage } from './shared-storage.ts'
