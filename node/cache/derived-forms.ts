/**
 * Derived blobs: a model's file converted once, on this node, to the form that the runtime runs in place. They are good for one
 * runtime version and one kind of CPU (the fingerprint), are remembered over restarts, and are never taken from or given to peers:
 * nobody could check them against a manifest.
 */
import { link, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Store } from '../../native/types.ts'
import type { ManifestFile } from '../../origin/index.ts'
import { HoldfastError } from '../../placement/errors.ts'
import type { Runtime, StateStore } from '../ports.ts'
import type { ModelRow } from './model-table.ts'

export interface DerivedFormsPorts {
  readonly store: Store
  readonly runtime: Runtime
  readonly state: StateStore
  /** The file of the model that the runtime can execute, or null. */
  readonly runnableFile: (row: ModelRow) => ManifestFile | null
}

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
    return blob !== null && (blob.inMemory || blob.onDisk)
  }

  /** Converts from the disk tier; all files of the model must lie there. The old derived blob, if any, is dropped. */
  async derive(row: ModelRow): Promise<void> {
    const file = this.checkRunnable(row)
    const folder = await mkdtemp(join(this.options.scratchPath, 'derive-'))
    try {
      await this.linkFiles(row, join(folder, 'model'))
      const output = join(folder, 'derived.ort')
      await this.ports.runtime.derive(join(folder, 'model', file.path), output)
      await stat(output)
      const old = row.derived
      const blob = await this.ports.store.importFile(output)
      row.derived = { ...blob, fingerprint: this.ports.runtime.fingerprint() }
      await this.ports.state.put(`model/${row.model}`, { derived: row.derived })
      if (old !== null && old.sha256 !== blob.sha256) await this.ports.store.dropDisk(old.sha256)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** Gives every file its own name again: a model may keep its weights in a file beside the graph. */
  private async linkFiles(row: ModelRow, folder: string): Promise<void> {
    for (const { path, sha256 } of row.manifest.files) {
      const source = this.ports.store.diskPathOf(sha256)
      if (source === null) throw new HoldfastError('DISK_FAILED', `the blob of ${path} is not on disk.`)
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await link(source, join(folder, path))
    }
  }
}
