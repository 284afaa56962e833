export { type BulkPorts, createNativeBulkTransport } from './native-bulk-transport.ts'
export { type BulkOptions, defaultBulkOptions } from './options.ts'
