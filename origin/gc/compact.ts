/**
 * Copies what is still in use of mostly dead packs into new packs, and lets the models' locations name these. The old packs
 * then are as dead as any that nothing names. A model whose record another wrote meanwhile keeps its old place, and the
 * old pack with it, until the next gc.
 */

import { HoldfastError, type ModelId } from '../../common/index.ts'
import { buildLocations, parseLocations } from '../manifest/locations.ts'
import { locationsKey, packKey } from '../stores/object-key.ts'
import type { ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import type { Extent } from '../types.ts'
import { type UsedRange, unionRanges } from './byte-ranges.ts'

export interface SparsePack {
  readonly key: string
  readonly ranges: readonly UsedRange[]
  readonly models: ReadonlySet<ModelId>
}

export interface CompactOptions extends StoreAbortOptions {
  /** New packs are closed at this size: as large as those of a push. */
  readonly packBytesMax: number
  readonly recordBytesMax: number
}

interface Move {
  readonly range: UsedRange
  readonly to: { readonly object: string; readonly offsetBytes: number }
}

export class Compaction {
  private readonly store: ObjectStore
  private readonly gcId: string
  private readonly options: CompactOptions
  private readonly abort: StoreAbortOptions
  private readonly moves = new Map<string, Move[]>()
  private pieces: Uint8Array[] = []
  private piecesBytes = 0
  private packCount = 0
  copiedBytes = 0

  constructor(store: ObjectStore, gcId: string, options: CompactOptions) {
    this.store = store
    this.gcId = gcId
    this.options = options
    this.abort = options.signal ? { signal: options.signal } : {}
  }

  async run(packs: readonly SparsePack[]): Promise<void> {
    for (const pack of packs) await this.copy(pack)
    await this.closePack()
    const models = new Set(packs.filter(({ key }) => this.moves.has(key)).flatMap(({ models }) => [...models]))
    for (const model of models) await this.redirectModel(model)
  }

  /** Where these bytes were copied to; null when they were not. */
  readonly redirect = (extent: Extent): Extent | null => {
    if (extent.base !== undefined) return null
    const endBytes = extent.offsetBytes + extent.sizeBytes
    const move = this.moves
      .get(extent.object)
      ?.find(({ range }) => range.startBytes <= extent.offsetBytes && endBytes <= range.endBytes)
    if (!move) return null
    const offsetBytes = move.to.offsetBytes + extent.offsetBytes - move.range.startBytes
    return { object: move.to.object, offsetBytes, sizeBytes: extent.sizeBytes }
  }

  private async copy(pack: SparsePack): Promise<void> {
    const moves: Move[] = []
    for (const range of unionRanges(pack.ranges)) {
      const sizeBytes = range.endBytes - range.startBytes
      if (this.piecesBytes > 0 && this.piecesBytes + sizeBytes > this.options.packBytesMax) await this.closePack()
      const bytes = await this.store.getRange(pack.key, { offsetBytes: range.startBytes, sizeBytes }, this.abort)
      // Damaged already; verify names it. What was copied of it so far is garbage of the next gc.
      if (bytes?.length !== sizeBytes) return
      moves.push({ range, to: { object: this.packKey(), offsetBytes: this.piecesBytes } })
      this.pieces.push(bytes)
      this.piecesBytes += sizeBytes
    }
    this.moves.set(pack.key, moves)
  }

  private packKey(): string {
    return packKey(this.gcId, String(this.packCount).padStart(6, '0'))
  }

  private async closePack(): Promise<void> {
    if (this.pieces.length === 0) return
    await this.store.put(this.packKey(), this.pieces, this.abort)
    this.copiedBytes += this.piecesBytes
    this.packCount++
    this.pieces = []
    this.piecesBytes = 0
  }

  private async redirectModel(model: ModelId): Promise<void> {
    const key = locationsKey(model)
    const current = await this.store.get(key, { ...this.abort, sizeBytesMax: this.options.recordBytesMax })
    if (!current) return
    const files = readable(current.bytes)
    if (!files) return
    const places = new Map(
      files.map(({ sha256, extents }) => [sha256, extents.map((extent) => this.redirect(extent) ?? extent)]),
    )
    await this.store.put(key, [buildLocations(places)], { ...this.abort, ifMatch: current.version })
  }
}

function readable(bytes: Uint8Array) {
  try {
    return parseLocations(bytes).files
  } catch (error) {
    // It could be read when gc looked first: somebody is writing nonsense. Nothing is redirected.
    if (error instanceof HoldfastError && error.code === 'BAD_MANIFEST') return null
    throw error
  }
}
