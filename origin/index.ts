/** The origin: manifests, chunks, stores, push and pull. Runs without the native part. */

export { SpareBuffers } from './bytes/spare-buffers.ts'
export { fileFailure } from './files/file-failure.ts'
export type { FileNote } from './files/file-rules.ts'
export { findModelFolders, type ModelFolder, type ModelFolders } from './files/model-folders.ts'
export {
  defaultGraceMs,
  defaultKeepRevisions,
  defaultRewriteBelow,
  type GcOptions,
  type GcResult,
  type GcStep,
  gc,
} from './gc/gc.ts'
export { blobIdOf } from './manifest/blob-id.ts'
export { canonicalBytes, canonicalJson } from './manifest/canonical-json.ts'
export {
  baseOf,
  checkEntry,
  entryAnnotation,
  entryFilesOf,
  isVariant,
  runnableFileOf,
  versionFileOf,
  whyNotRunnable,
  withEntry,
} from './manifest/entry-file.ts'
export { checkLocations, parseLocations } from './manifest/locations.ts'
export {
  buildManifest,
  type EncodedManifest,
  encodeManifest,
  manifestDigest,
  manifestSizeBytes,
  parseManifest,
  parseManifestOf,
} from './manifest/manifest.ts'
export { chunkBytesMax, defaultManifestLimits, type ManifestLimits } from './manifest/manifest-limits.ts'
export { readManifest } from './manifest/read-manifest.ts'
export {
  defaultOriginOptions,
  type ListedModel,
  type OpenRange,
  Origin,
  type OriginOptions,
  type ResolvedModel,
} from './origin.ts'
export { isDamage } from './pull/damage.ts'
export { type PullOptions, type PullProgress, type PullResult, pull } from './pull/pull.ts'
export { type PlacedChunk, planRuns, type Run, runBytes } from './pull/read-plan.ts'
export { type BadPlace, describeBad, type VerifyOptions, type VerifyResult, verify } from './pull/verify.ts'
export { type AdoptOptions, type AdoptProgress, type AdoptResult, adopt } from './push/adopt.ts'
export { defaultHeartbeatOptions, type HeartbeatOptions } from './push/heartbeat.ts'
export { type MoveTagOptions, type MoveTagResult, moveTag } from './push/move-tag.ts'
export { type PushOptions, type PushProgress, type PushResult, push } from './push/push.ts'
export { type RollbackOptions, rollBack } from './push/roll-back.ts'
export { type ManifestSummary, sharedBytes, summarizeManifest } from './push/sharing.ts'
export {
  defaultTag,
  formatDigest,
  formatModelName,
  isSha256,
  type ModelReference,
  parseModelName,
  parseModelReference,
} from './refs/model-name.ts'
export { defaultPublisherKeyPath, loadPublisherKey } from './refs/publisher-key.ts'
export { encodeRef, parseRef, signRef } from './refs/ref.ts'
export { type Revision, readHistory } from './refs/ref-history.ts'
export { removeRef } from './refs/remove-ref.ts'
export { hasManifest, listNames, listTagsOf, refMovedMs } from './refs/tags.ts'
export type { FileStoreOptions } from './stores/file/file-store.ts'
export { FileStore } from './stores/file/file-store.ts'
export type {
  ByteRange,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectContent,
  ObjectHead,
  ObjectReader,
  ObjectStore,
  ObjectVersion,
  PutOptions,
  StoreAbortOptions,
} from './stores/object-store.ts'
export { type OpenOriginOptions, type OpenStoreOptions, openObjectStore, openOrigin } from './stores/open-origin.ts'
export { defaultS3Options, type S3Options } from './stores/s3/s3-options.ts'
export { S3Store } from './stores/s3/s3-store.ts'
export { parseS3Url, type S3Target } from './stores/s3/s3-url.ts'
export type { Chunk, Extent, FileLocation, Locations, Manifest, ManifestFile, ModelName, Ref, Tensor } from './types.ts'
