export { type BulkOptions, defaultBulkOptions } from './options.ts'
export { type BulkPorts, createTlsBulkTransport } from './tls-bulk-transport.ts'
