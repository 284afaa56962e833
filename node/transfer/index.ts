export { BlobFetcher, type ChunkOrigin, type FetchOutcome, type FetchProgress } from './blob-fetcher.ts'
export { createTlsBulkTransport } from './bulk/index.ts'
