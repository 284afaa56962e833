export { ConnectionManager } from './connection-manager.ts'
export { type BytesBySource, CoreDriver } from './core-driver.ts'
export { nextEpoch } from './next-epoch.ts'
export { StateReporter } from './state-reporter.ts'
