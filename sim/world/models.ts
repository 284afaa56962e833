/** The models of a simulated world: identity, size, what they cost to start and to run, and their chunks, drawn from one seed. */

import {
  type BlobId,
  byTier,
  type LocalTier,
  type ModelId,
  type Prng,
  type Sha256,
  toBlobId,
} from '../../common/index.ts'
import type { FetchChunk, FormBlob, ModelSpec, ResidentModel } from '../../core/index.ts'
import type { ModelsSpec } from '../scenario/scenario.ts'
import type { TraceModel } from '../traces/index.ts'

export class SimModel {
  /** Place in the world's list of models, and in every table by model. */
  readonly index: number
  readonly id: ModelId
  readonly sizeBytes: number
  readonly deriveMs: number
  readonly initMs: number
  readonly executeMs: number
  /** Inference may run at any holder; a program that opens the files needs them where it is. */
  readonly mayForward: boolean
  readonly chunkCount: number
  /** As a node tells of it; the same objects for all nodes. */
  readonly resident: Readonly<Record<LocalTier, ResidentModel>>
  /** As the machine of a node's models knows it; the same objects for all nodes. */
  readonly specs: SimModelSpecs
  private readonly chunkBytes: number
  private readonly random: Prng
  private made: readonly FetchChunk[] | null = null

  constructor(
    given: {
      index: number
      sizeBytes: number
      deriveMs: number
      initMs: number
      executeMs: number
      chunkBytes: number
      mayForward: boolean
    },
    random: Prng,
  ) {
    this.index = given.index
    this.sizeBytes = given.sizeBytes
    this.deriveMs = given.deriveMs
    this.initMs = given.initMs
    this.executeMs = given.executeMs
    this.mayForward = given.mayForward
    this.chunkBytes = given.chunkBytes
    this.random = random
    this.chunkCount = Math.max(1, Math.ceil(given.sizeBytes / given.chunkBytes))
    this.id = drawDigest(random.child('id'))
    const { id: model, sizeBytes } = this
    this.resident = byTier((tier) => ({ model, tier, sizeBytes }))
    this.specs = specsOf(model, sizeBytes)
  }

  /** Made when first asked for: most models of a large world are never fetched. */
  get chunks(): readonly FetchChunk[] {
    this.made ??= this.cut()
    return this.made
  }

  private cut(): FetchChunk[] {
    const draw = this.random.child('chunks')
    const file = drawDigest(draw)
    const blob = toBlobId(file)
    return Array.from({ length: this.chunkCount }, (_, index) => {
      const offsetBytes = index * this.chunkBytes
      const sizeBytes = Math.min(this.chunkBytes, this.sizeBytes - offsetBytes)
      return { blob, file, index, sha256: drawDigest(draw), offsetBytes, sizeBytes }
    })
  }
}

export interface SimModelSpecs {
  /** What runs are its files. */
  readonly asIs: ModelSpec
  /** What runs is the form, which is as large as the files that it is made from. */
  readonly derived: ModelSpec
  readonly form: FormBlob
}

const filePrefix = 'file '

/** Of which the blob is the file. */
export function modelOfFile(blob: BlobId): ModelId {
  return blob.slice(filePrefix.length)
}

function specsOf(model: ModelId, sizeBytes: number): SimModelSpecs {
  const asIs: ModelSpec = {
    model,
    files: [{ id: toBlobId(`${filePrefix}${model}`), sizeBytes }],
    sizeBytes,
    runs: 'files',
  }
  const form = { id: toBlobId(`form ${model}`), sizeBytes, fingerprint: 'sim' }
  return { asIs, derived: { ...asIs, runs: 'form' }, form }
}

/** @param given models of a file; their load time was measured from a local disk and counts as the start. */
export function createModels(spec: ModelsSpec, given: readonly TraceModel[] | null, random: Prng): SimModel[] {
  const count = given?.length ?? spec.count
  return Array.from({ length: count }, (_, index) => {
    const draw = random.child(`model ${index}`)
    const model = given?.[index]
    return new SimModel(
      {
        index,
        sizeBytes: model?.sizeBytes ?? Math.round(drawLog(draw, spec.sizeBytes)),
        deriveMs: drawLog(draw.child('derive'), spec.deriveMs),
        initMs: model?.loadMs ?? drawLog(draw, spec.initMs),
        executeMs: drawLog(draw, spec.executeMs),
        chunkBytes: spec.chunkBytes,
        mayForward: !isOpened(spec, draw),
      },
      draw,
    )
  })
}

export function drawModel(spec: ModelsSpec, index: number, sizeBytes: number, random: Prng): SimModel {
  const deriveMs = drawLog(random.child('derive'), spec.deriveMs)
  const [initMs, executeMs] = [drawLog(random, spec.initMs), drawLog(random, spec.executeMs)]
  return new SimModel(
    { index, sizeBytes, deriveMs, initMs, executeMs, chunkBytes: spec.chunkBytes, mayForward: !isOpened(spec, random) },
    random,
  )
}

function isOpened({ openedPercent }: ModelsSpec, random: Prng): boolean {
  return openedPercent > 0 && random.float() * 100 < openedPercent
}

/** Evenly on a logarithmic scale; evenly on the plain one from 0. */
function drawLog(random: Prng, [least, greatest]: readonly [number, number]): number {
  const share = random.float()
  return least === 0 ? share * greatest : least * (greatest / least) ** share
}

function drawDigest(random: Prng): Sha256 {
  let digest = ''
  for (let word = 0; word < 8; word += 1) digest += random.uint32().toString(16).padStart(8, '0')
  return digest
}
