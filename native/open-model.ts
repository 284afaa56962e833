/**
 * An open model as programs see it: views over the shared memory, made when they are asked for. What still arrives is seen range by
 * range; no view is given over bytes that are not there.
 */
import { HoldfastError, isHoldfastError } from '../common/index.ts'
import { type Addon, type RawModel, wrapAsync, wrapSync } from './addon.ts'
import type { OpenFile, OpenModel, Tensor, TensorInfo, WaitOptions } from './types.ts'

export class NativeModel implements OpenModel {
  readonly digest: string
  readonly files: readonly OpenFile[]
  private readonly addon: Addon
  private readonly onClose: () => void
  private raw: RawModel | null
  private readonly indices = new Map<string, number>()
  /** Whole files by blob: files with the same bytes share one buffer. */
  private readonly wholes = new Map<number, Uint8Array>()
  /** Buffers over parts, detached by close(). Weak: a part that nobody can reach need not be remembered. */
  private parts: WeakRef<ArrayBuffer>[] = []
  private partsSweepAt = 64

  constructor(addon: Addon, raw: RawModel, onClose: () => void) {
    this.addon = addon
    this.raw = raw
    this.onClose = onClose
    this.digest = raw.digest
    this.files = raw.files.map(({ path, sha256, sizeBytes, blob }, index) => {
      this.indices.set(path, index)
      const whole = () => this.whole(index, blob, sizeBytes)
      return {
        path,
        sha256,
        sizeBytes,
        get bytes() {
          return whole()
        },
        range: (offsetBytes: number, rangeBytes: number) => this.part(index, offsetBytes, rangeBytes),
      }
    })
  }

  file(path: string): OpenFile {
    return this.files[this.indexOf(path)]!
  }

  tensor(name: string): Tensor {
    const { file, ...info } = wrapSync(() => this.addon.findTensor(this.open().handle, name))
    return { ...info, path: this.files[file]!.path, bytes: this.part(file, info.offsetBytes, info.sizeBytes) }
  }

  async waitTensor(name: string, options: WaitOptions = {}): Promise<Tensor> {
    const deadline = deadlineOf(options)
    let unreadable: unknown
    for (const [index, { path }] of this.files.entries()) {
      const tensors = await wrapAsync(() => this.addon.tensorsOf(this.open().handle, index, deadline())).catch(
        (error: unknown) => {
          // The tensor may be in another file.
          if (!isHoldfastError(error, 'BAD_MODEL_FILE')) throw error
          unreadable ??= error
          return []
        },
      )
      const found = tensors.find((tensor) => tensor.name === name)
      if (found === undefined) continue
      const { offsetBytes, sizeBytes } = found
      await wrapAsync(() => this.addon.waitRange(this.open().handle, index, offsetBytes, sizeBytes, deadline()))
      return { ...found, path, bytes: this.part(index, offsetBytes, sizeBytes) }
    }
    if (unreadable !== undefined) throw unreadable
    throw new HoldfastError('UNKNOWN_MODEL', `Model ${this.digest} has no tensor ${name}.`, { details: { name } })
  }

  tensors(path: string, options: WaitOptions = {}): Promise<readonly TensorInfo[]> {
    const index = this.indexOf(path)
    return wrapAsync(() => this.addon.tensorsOf(this.open().handle, index, deadlineOf(options)()))
  }

  async waitRange(
    path: string,
    offsetBytes: number,
    sizeBytes: number,
    options: WaitOptions = {},
  ): Promise<Uint8Array> {
    const index = this.indexOf(path)
    await wrapAsync(() =>
      this.addon.waitRange(this.open().handle, index, offsetBytes, sizeBytes, deadlineOf(options)()),
    )
    return this.part(index, offsetBytes, sizeBytes)
  }

  close(): void {
    if (this.raw === null) return
    const { handle } = this.raw
    this.raw = null
    const buffers = [...this.wholes.values()].map(({ buffer }) => buffer as ArrayBuffer)
    for (const reference of this.parts) {
      const buffer = reference.deref()
      if (buffer !== undefined) buffers.push(buffer)
    }
    this.wholes.clear()
    this.parts = []
    this.addon.closeModel(handle, buffers)
    this.onClose()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private whole(index: number, blob: number, sizeBytes: number): Uint8Array {
    if (this.raw === null) return new Uint8Array(0)
    const known = this.wholes.get(blob)
    if (known !== undefined) return known
    const { handle } = this.raw
    const made = new Uint8Array(wrapSync(() => this.addon.viewOf(handle, index, 0, sizeBytes)))
    this.wholes.set(blob, made)
    return made
  }

  private part(index: number, offsetBytes: number, sizeBytes: number): Uint8Array {
    const { handle } = this.open()
    const buffer = wrapSync(() => this.addon.viewOf(handle, index, offsetBytes, sizeBytes))
    if (this.parts.length >= this.partsSweepAt) {
      this.parts = this.parts.filter((reference) => reference.deref() !== undefined)
      this.partsSweepAt = Math.max(64, 2 * this.parts.length)
    }
    this.parts.push(new WeakRef(buffer))
    return new Uint8Array(buffer)
  }

  private indexOf(path: string): number {
    const index = this.indices.get(path)
    if (index !== undefined) return index
    throw new HoldfastError('UNKNOWN_MODEL', `Model ${this.digest} has no file ${path}.`, {
      details: { path, files: this.files.map((file) => file.path) },
    })
  }

  private open(): RawModel {
    if (this.raw !== null) return this.raw
    throw new HoldfastError('BAD_REQUEST', 'The model is closed; open it again.')
  }
}

/** What is left of the deadline, at each call. */
function deadlineOf({ deadlineMs = Number.POSITIVE_INFINITY }: WaitOptions): () => number {
  const endMs = performance.now() + deadlineMs
  return () => Math.max(0, endMs - performance.now())
}
