export { ConnectionManager } from './connection-manager.ts'
export { type BytesBySource, CoreDriver, type StepListener } from './core-driver.ts'
export { nextEpoch } from './next-epoch.ts'
export { StateReporter } from './state-reporter.ts'
