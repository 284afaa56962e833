/** The origin: manifests, chunks, stores, push and pull. Runs without the native part. */

export { type AdoptOptions, type AdoptProgress, type AdoptResult, adopt } from './adopt.ts'
export { canonicalBytes, canonicalJson } from './canonical-json.ts'
export { isDamage } from './damage.ts'
export type { FileStoreOptions } from './file-store.ts'
export { FileStore } from './file-store.ts'
export {
  defaultGraceMs,
  defaultRewriteBelow,
  type GcOptions,
  type GcResult,
  type GcStep,
  gc,
} from './gc/gc.ts'
export { defaultHeartbeatOptions, type HeartbeatOptions } from './heartbeat.ts'
export { checkLocations, parseLocations } from './locations.ts'
export {
  buildManifest,
  type EncodedManifest,
  encodeManifest,
  manifestDigest,
  manifestSizeBytes,
  parseManifest,
  parseManifestOf,
} from './manifest.ts'
export { chunkBytesMax, defaultManifestLimits, type ManifestLimits } from './manifest-limits.ts'
export {
  defaultTag,
  formatDigest,
  formatModelName,
  isSha256,
  type ModelReference,
  parseModelName,
  parseModelReference,
} from './model-name.ts'
export type {
  ByteRange,
  GetOptions,
  ListedObject,
  ObjectContent,
  ObjectHead,
  ObjectReader,
  ObjectStore,
  ObjectVersion,
  PutOptions,
  StoreAbortOptions,
} from './object-store.ts'
export { type OpenOriginOptions, openObjectStore, openOrigin } from './open-origin.ts'
export { defaultOriginOptions, type ListedModel, Origin, type OriginOptions, type ResolvedModel } from './origin.ts'
export { defaultPublisherKeyPath, loadPublisherKey } from './publisher-key.ts'
export { type PullOptions, type PullProgress, type PullResult, pull } from './pull.ts'
export { type PushOptions, type PushProgress, type PushResult, push } from './push.ts'
export { encodeRef, parseRef, signRef } from './ref.ts'
export { removeRef } from './remove-ref.ts'
export { defaultS3Options, type S3Options } from './s3/s3-options.ts'
export { parseS3Url, type S3Target } from './s3/s3-url.ts'
export { S3Store } from './s3-store.ts'
export { type ManifestSummary, sharedBytes, summarizeManifest } from './sharing.ts'
export type { Chunk, Extent, FileLocation, Locations, Manifest, ManifestFile, ModelName, Ref, Tensor } from './types.ts'
export { type BadPlace, describeBad, type VerifyOptions, type VerifyResult, verify } from './verify.ts'
