/** What a manifest may ask of its readers: the bounds on its size, each with its reason. */
import { pathBytesMax } from '../files/file-path.ts'

const MiB = 1024 * 1024

/** Unit of transfer: 5.3 ms at 1.5 GB/s, and small enough that eight of them in flight cost no memory worth counting. */
export const chunkBytesMax = 8 * MiB

export interface ManifestLimits {
  /** Bytes of the JSON text. V8 strings end at 512 MiB; 10^5 files with tensors take some 50 MiB. */
  readonly manifestBytesMax: number
  /** The largest data-set-like models have some 10^5 files. */
  readonly filesMax: number
  /** All chunks of all files: 2 million are 16 TiB of full chunks. */
  readonly chunksMax: number
  /**
   * Bytes of a file per chunk of it, on the average, beside `chunksSpare` chunks: what a chunk costs its readers is paid by bytes. Cut at
   * tensors (chunk-plan.ts), any three neighbours have more than 64 KiB together, however small one of them is.
   */
  readonly chunkMeanBytesMin: number
  readonly chunksSpare: number
  /** All tensors of all files: mixtures with every expert apart have some 10^5. */
  readonly tensorsMax: number
  readonly tensorRankMax: number
  readonly tensorNameLengthMax: number
  readonly dtypeLengthMax: number
  readonly pathLengthMax: number
  readonly annotationsMax: number
  readonly annotationLengthMax: number
}

export const defaultManifestLimits: ManifestLimits = {
  manifestBytesMax: 256 * MiB,
  filesMax: 500_000,
  chunksMax: 2_000_000,
  chunkMeanBytesMin: 16 * 1024,
  chunksSpare: 4,
  tensorsMax: 1_000_000,
  tensorRankMax: 16,
  tensorNameLengthMax: 1024,
  dtypeLengthMax: 32,
  pathLengthMax: pathBytesMax,
  annotationsMax: 64,
  annotationLengthMax: 4096,
}
