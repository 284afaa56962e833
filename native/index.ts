/**
 * The native part's front door. Importing it loads nothing; the addon is loaded by the first call.
 */
export { createBulkEngine } from './bulk-engine.ts'
export type * from './bulk-types.ts'
export { connectStore, NativeClient } from './client.ts'
export { nativeFileWork } from './files.ts'
export { diskCrashPoints, filterSystemCalls, kernelConfinement, limitPrivateMemory, notifyService } from './process.ts'
export { createStore } from './store.ts'
export type * from './types.ts'
