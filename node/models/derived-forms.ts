/**
 * Derived blobs: a model's file converted once, on this node, to the form that the runtime runs in place. They are good for one
 * runtime version and one kind of CPU (the fingerprint), are remembered over restarts, and are never taken from or given to peers:
 * nobody could check them against a manifest.
 */
import { link, mkdir, mkdtemp, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  assertInvariant,
  type BlobId,
  HoldfastError,
  isHoldfastError,
  type ModelId,
  type Sha256,
  toBlobId,
} from '../../common/index.ts'
import type { FormBlob } from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import { blobIdOf, isSha256, type ManifestFile, whyNotRunnable } from '../../origin/index.ts'
import type { Runtime, StateStore } from '../ports/index.ts'
import { cutOf, formChunkBytes } from './blob-files.ts'
import { ConversionFailures } from './conversion-failures.ts'
import type { HeldSpec } from './model-table.ts'

export interface DerivedFormsPorts {
  readonly store: Store
  readonly runtime: Runtime
  readonly state: StateStore
  /** The file of the model that the runtime can execute, or null. */
  readonly runnableFile: (spec: HeldSpec) => ManifestFile | null
}

/** A form in the scratch folder, to be kept or discarded. */
export interface MadeForm {
  readonly folder: string
  readonly path: string
  readonly sizeBytes: number
}

export interface DerivedFormsOptions {
  /** Scratch folder; must be on the same file system as the disk tier, because files are linked, not copied. */
  readonly scratchPath: string
  /** Whether the files are hashed before they are converted; else they are only when a conversion has failed. */
  readonly verifiesReads: boolean
}

export class DerivedForms {
  private readonly ports: DerivedFormsPorts
  private readonly options: DerivedFormsOptions
  private readonly failures: ConversionFailures

  constructor(ports: DerivedFormsPorts, options: DerivedFormsOptions) {
    this.ports = ports
    this.failures = new ConversionFailures({ state: ports.state, fingerprint: () => ports.runtime.fingerprint() })
    this.options = options
  }

  /** Removes what an interrupted conversion left behind. */
  async start(): Promise<void> {
    await rm(this.options.scratchPath, { recursive: true, force: true })
    await mkdir(this.options.scratchPath, { recursive: true })
    await this.failures.start()
  }

  /** NOT_RUNNABLE, or what its conversion failed with; null when it may run. */
  cannotRun(spec: HeldSpec): HoldfastError | null {
    const file = this.ports.runnableFile(spec)
    if (file !== null) return this.failures.find(spec, file)
    return new HoldfastError('NOT_RUNNABLE', whyNotRunnable(spec.manifest))
  }

  /** Made by this runtime on this kind of CPU. */
  isCurrent({ fingerprint }: FormBlob): boolean {
    return fingerprint === this.ports.runtime.fingerprint()
  }

  /** Converts from the disk tier; all files of the model must lie there. */
  async make(spec: HeldSpec): Promise<MadeForm> {
    const file = this.ports.runnableFile(spec)
    assertInvariant(file !== null, 'a model that cannot run is not converted')
    if (this.options.verifiesReads) await this.checkFiles(spec)
    const folder = await mkdtemp(join(this.options.scratchPath, 'derive-'))
    try {
      await this.linkFiles(spec, join(folder, 'model'))
      const path = join(folder, 'derived.ort')
      await this.convert(join(folder, 'model', file.path), path)
      const { size: sizeBytes } = await stat(path)
      return { folder, path, sizeBytes }
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      // What the disk has damaged says nothing about the model.
      if (!this.options.verifiesReads) await this.checkFiles(spec)
      await this.failures.note(spec, file, error)
      throw error
    }
  }

  /** Takes the form into the disk tier, and lets the blob go that it replaces. When there is no room it may be tried again. */
  async keep(model: ModelId, made: MadeForm, replaces: BlobId | null): Promise<FormBlob> {
    const { store, state, runtime } = this.ports
    const blob = await store.importFile(made.path, formChunkBytes)
    const form = { ...blob, fingerprint: runtime.fingerprint() }
    await this.discard(made)
    await state.put(derivedKey(model), { derived: form })
    if (replaces !== null && replaces !== form.id) {
      store.dropMemory(replaces)
      await store.dropDisk(replaces)
    }
    return form
  }

  async discard({ folder }: MadeForm): Promise<void> {
    await rm(folder, { recursive: true, force: true })
  }

  /** DISK_FAILED when one of them is not what it was; such files are removed, so that they are fetched anew. */
  private async checkFiles({ manifest }: HeldSpec): Promise<void> {
    const { store } = this.ports
    let damaged: string | null = null
    for (const file of manifest.files) {
      const id = blobIdOf(file)
      const isThere = store.diskPathOf(id) !== null
      if (isThere && (await store.verifyDisk(id, cutOf(file))) === null) damaged = file.path
    }
    if (damaged !== null) throw new HoldfastError('DISK_FAILED', `The blob of ${damaged} was damaged on disk.`)
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
      throw new HoldfastError('DISK_FULL', 'The disk has no room for the form that the runtime runs; free some.', {
        details: { neededBytes, freeBytes },
        cause: error,
      })
    }
  }

  /** Gives every file its own name again: a model may keep its weights in a file beside the graph. */
  private async linkFiles({ manifest }: HeldSpec, folder: string): Promise<void> {
    for (const file of manifest.files) {
      const { path, sizeBytes } = file
      const id = blobIdOf(file)
      const source = this.ports.store.diskPathOf(id)
      if (source === null) throw new HoldfastError('DISK_FAILED', `The blob of ${path} is not on disk.`)
      const info = await stat(source).catch(() => null)
      if (info?.size !== sizeBytes) {
        await this.ports.store.dropDisk(id)
        throw new HoldfastError('DISK_FAILED', `The blob of ${path} is missing on disk or cut short.`)
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
export function parseDerived(record: unknown): FormBlob | null {
  const { id, ...rest } = derivedOf(record)
  if (typeof id !== 'string' || !isSha256(id) || !isMade(rest)) return null
  return { id: toBlobId(id), sizeBytes: rest.sizeBytes, fingerprint: rest.fingerprint }
}

/** A form by the name that a node of before the blob id gave it; records keep it when they get the id. */
export interface FormerForm {
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly fingerprint: string
}

export function parseFormerDerived(record: unknown): FormerForm | null {
  const { sha256, ...rest } = derivedOf(record)
  if (typeof sha256 !== 'string' || !isSha256(sha256) || !isMade(rest)) return null
  return { sha256, sizeBytes: rest.sizeBytes, fingerprint: rest.fingerprint }
}

function derivedOf(record: unknown): Record<string, unknown> {
  const derived = (record as { derived?: unknown } | null)?.derived
  return typeof derived === 'object' && derived !== null ? (derived as Record<string, unknown>) : {}
}

function isMade(derived: object): derived is { readonly sizeBytes: number; readonly fingerprint: string } {
  const { sizeBytes, fingerprint } = derived as { sizeBytes?: unknown; fingerprint?: unknown }
  return typeof fingerprint === 'string' && Number.isSafeInteger(sizeBytes) && (sizeBytes as number) >= 0
}
