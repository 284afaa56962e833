/**
 * Models whose conversion has failed, so that it is not tried for each request: by what was converted, for one fingerprint of the
 * converter, over restarts. Failures that another try may not have (`isPassing`) are forgotten when the process ends.
 */
import { createHash } from 'node:crypto'
import { type ErrorCode, HoldfastError, isErrorCode } from '../../common/index.ts'
import { blobIdOf, type ManifestFile } from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { HeldSpec } from './model-table.ts'

export interface ConversionFailuresPorts {
  readonly state: StateStore
  readonly fingerprint: () => string
}

/** Records kept; the oldest is dropped for a new one, and its model may be converted again. */
const failuresMax = 4096
const keyPrefix = 'conversion-failure/'
/** Failures caused by the model. Others, such as a full disk, may pass. */
const codesOfModel: ReadonlySet<ErrorCode> = new Set([
  'MODEL_TOO_NEW',
  'UNSUPPORTED_OPERATOR',
  'UNSUPPORTED_TYPE',
  'BAD_MODEL_FILE',
  'NOT_RUNNABLE',
  'MEMORY_EXCEEDED',
])

export class ConversionFailures {
  private readonly ports: ConversionFailuresPorts
  private readonly failures = new Map<string, HoldfastError>()
  private readonly keys = new WeakMap<HeldSpec, { file: ManifestFile; key: string }>()

  constructor(ports: ConversionFailuresPorts) {
    this.ports = ports
  }

  /** Those of a former run; what another converter did not take, this one may. */
  async start(): Promise<void> {
    for await (const [key, record] of this.ports.state.entries(keyPrefix)) {
      const failure = parseFailure(record, this.ports.fingerprint())
      if (failure === null) await this.ports.state.delete(key)
      else this.failures.set(key.slice(keyPrefix.length), failure)
    }
  }

  find(spec: HeldSpec, file: ManifestFile): HoldfastError | null {
    return this.failures.get(this.keyOf(spec, file)) ?? null
  }

  async note(spec: HeldSpec, file: ManifestFile, error: unknown): Promise<void> {
    if (!(error instanceof HoldfastError) || !codesOfModel.has(error.code)) return
    const key = this.keyOf(spec, file)
    this.failures.set(key, error)
    if (error.details.isPassing !== true) {
      const { code, message } = error
      await this.ports.state.put(keyPrefix + key, { fingerprint: this.ports.fingerprint(), code, message })
    }
    for (const oldest of this.failures.keys()) {
      if (this.failures.size <= failuresMax) break
      this.failures.delete(oldest)
      await this.ports.state.delete(keyPrefix + oldest)
    }
  }

  /** Of the bytes, not of the model: the files beside the converted one may hold its weights. */
  private keyOf(spec: HeldSpec, file: ManifestFile): string {
    const known = this.keys.get(spec)
    if (known?.file === file) return known.key
    const { files } = spec.manifest
    // By blob: a manifest that states the sha256 of another's file has no say in whether that one can be converted.
    const hash = createHash('sha256').update(blobIdOf(file))
    if (files.length > 1) for (const other of files) hash.update(`\n${other.path} ${blobIdOf(other)}`)
    const key = hash.digest('hex')
    this.keys.set(spec, { file, key })
    return key
  }
}

/** Null for a record of another converter, or a damaged one. */
function parseFailure(record: unknown, fingerprint: string): HoldfastError | null {
  const failure = record as { fingerprint?: unknown; code?: unknown; message?: unknown } | null
  if (failure?.fingerprint !== fingerprint || typeof failure.code !== 'string' || !isErrorCode(failure.code))
    return null
  return typeof failure.message === 'string' ? new HoldfastError(failure.code, failure.message) : null
}
