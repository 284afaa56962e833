export { BlobFetcher, type ChunkOrigin, type FetchOutcome, type FetchProgress } from './blob-fetcher.ts'
export { createNativeBulkTransport } from './bulk/index.ts'
export { askToDial, serveDialBack } from './dial-back.ts'
