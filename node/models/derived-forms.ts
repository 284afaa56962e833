/**
 * Derived blobs: a model's file converted once, on this node, to the form that the runtime runs in place. They are good for one
 * runtime version and one kind of CPU (the fingerprint), are remembered over restarts, and are never taken from or given to peers:
 * nobody could check them against a manifest.
 */
import { link, mkdir, mkdtemp, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HoldfastError, isHoldfastError, localTiers, type ModelId, type Sha256 } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import { isSha256, type ManifestFile } from '../../origin/index.ts'
import type { Runtime, StateStore } from '../ports/index.ts'
import type { DerivedBlob, ModelRow } from './model-table.ts'

export interface DerivedFormsPorts {
  readonly store: Store
  readonly runtime: Runtime
  readonly state: StateStore
  /** The file of the model that the runtime can execute, or null. */
  readonly runnableFile: (row: ModelRow) => ManifestFile | null
  /** Another model was converted to the same bytes, or has them as a file. */
  readonly isUsedByOthers: (blob: Sha256, model: ModelId) => boolean
}

/** Makes room for so many bytes, and keeps others from taking it until `keep` has. */
export type KeepWithRoom = <T extends object>(sizeBytes: number, keep: () => Promise<T>) => Promise<T>

export interface DerivedFormsOptions {
  /** Scratch folder; must be on the same file system as the disk tier, because files are linked, not copied. */
  readonly scratchPath: string
}

export class DerivedForms {
  private readonly ports: DerivedFormsPorts
  private readonly options: DerivedFormsOptions

  constructor(ports: DerivedFormsPorts, options: DerivedFormsOptions) {
    this.ports = ports
    this.options = options
  }

  /** Removes what an interrupted conversion left behind. */
  async start(): Promise<void> {
    await rm(this.options.scratchPath, { recursive: true, force: true })
    await mkdir(this.options.scratchPath, { recursive: true })
  }

  checkRunnable(row: ModelRow): ManifestFile {
    const file = this.ports.runnableFile(row)
    if (file !== null) return file
    const paths = row.manifest.files.slice(0, 5).map(({ path }) => path)
    throw new HoldfastError('NOT_RUNNABLE', `the model has no ONNX file to run; its files are ${paths.join(', ')}.`)
  }

  /** The derived blob is held here and was made by this runtime on this kind of CPU. */
  isCurrent(row: ModelRow): boolean {
    if (row.derived === null || row.derived.fingerprint !== this.ports.runtime.fingerprint()) return false
    const blob = this.ports.store.blob(row.derived.sha256)
    return blob !== null && localTiers.some((tier) => blob.isIn[tier])
  }

  /**
   * Converts from the disk tier; all files of the model must lie there. `withRoom` is asked to keep the result, whose size is
   * known then. The old derived blob, if any, is dropped.
   */
  async derive(row: ModelRow, withRoom: KeepWithRoom): Promise<void> {
    const file = this.checkRunnable(row)
    const folder = await mkdtemp(join(this.options.scratchPath, 'derive-'))
    try {
      await this.linkFiles(row, join(folder, 'model'))
      const output = join(folder, 'derived.ort')
      await this.convert(join(folder, 'model', file.path), output)
      const { size } = await stat(output)
      const blob = await withRoom(size, () => this.ports.store.importFile(output))
      await this.remember(row, { ...blob, fingerprint: this.ports.runtime.fingerprint() })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** The converter cannot say that the disk was full, only that it failed. */
  private async convert(input: string, output: string): Promise<void> {
    try {
      await this.ports.runtime.derive(input, output)
    } catch (error) {
      const { bavail, bsize } = await statfs(this.options.scratchPath)
      const { size: neededBytes } = await stat(input)
      const freeBytes = bavail * bsize
      if (freeBytes >= neededBytes || isHoldfastError(error, 'SHUTTING_DOWN')) throw error
      throw new HoldfastError('DISK_FULL', 'the disk has no room for the form that the runtime runs; free some.', {
        details: { neededBytes, freeBytes },
        cause: error,
      })
    }
  }

  private async remember(row: ModelRow, derived: DerivedBlob): Promise<void> {
    const old = row.derived
    row.derived = derived
    await this.ports.state.put(derivedKey(row.model), { derived })
    if (old === null || old.sha256 === derived.sha256 || this.ports.isUsedByOthers(old.sha256, row.model)) return
    this.ports.store.dropMemory(old.sha256)
    await this.ports.store.dropDisk(old.sha256)
  }

  /** Gives every file its own name again: a model may keep its weights in a file beside the graph. */
  private async linkFiles(row: ModelRow, folder: string): Promise<void> {
    for (const { path, sha256, sizeBytes } of row.manifest.files) {
      const source = this.ports.store.diskPathOf(sha256)
      if (source === null) throw new HoldfastError('DISK_FAILED', `the blob of ${path} is not on disk.`)
      const info = await stat(source).catch(() => null)
      if (info?.size !== sizeBytes) {
        await this.ports.store.dropDisk(sha256)
        throw new HoldfastError('DISK_FAILED', `the blob of ${path} is missing on disk or cut short.`)
      }
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await link(source, join(folder, path))
    }
  }
}

/** Key of the record in the state store. */
export function derivedKey(model: ModelId): string {
  return `model/${model}`
}

/** The record as it was written, or null: a state folder is a file like others, and may be damaged. */
export function parseDerived(record: unknown): DerivedBlob | null {
  const derived = (record as { derived?: Partial<DerivedBlob> | null } | null)?.derived
  if (typeof derived !== 'object' || derived === null) return null
  const { sha256, sizeBytes, fingerprint } = derived
  if (typeof sha256 !== 'string' || !isSha256(sha256) || typeof fingerprint !== 'string') return null
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes! < 0) return null
  return { sha256, sizeBytes: sizeBytes!, fingerprint }
}
