/** A Runtime that "converts" by prefixing a word and "runs" by echoing; what happens when is in the test's hands. */
import { readFile, writeFile } from 'node:fs/promises'
import type { ModelSignature, Runtime, TensorValue } from '../../node/ports/index.ts'

export class FakeRuntime implements Runtime {
  version = 'v1'
  readonly derived: string[] = []
  readonly loadedDigests = new Set<string>()
  readonly unloads: string[] = []
  readonly queuedWork = new Map<string, number>()
  onDerive: () => Promise<void> = async () => {}
  onLoad: (digest: string) => Promise<void> = async () => {}
  onUnload: (digest: string) => Promise<void> = async () => {}
  onInfer: (digest: string, inputs: readonly TensorValue[], signal?: AbortSignal) => Promise<TensorValue[]> = async (
    _digest,
    inputs,
  ) => [...inputs]

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  fingerprint(): string {
    return this.version
  }

  async derive(inputPath: string, outputPath: string): Promise<void> {
    this.derived.push(inputPath)
    await this.onDerive()
    await writeFile(outputPath, Buffer.concat([Buffer.from(`${this.version} `), await readFile(inputPath)]))
  }

  async load(digest: string): Promise<ModelSignature> {
    await this.onLoad(digest)
    this.loadedDigests.add(digest)
    return { platform: 'fake', inputs: [], outputs: [] }
  }

  infer(
    digest: string,
    inputs: readonly TensorValue[],
    options: { signal?: AbortSignal; outputs?: readonly string[] } = {},
  ): Promise<TensorValue[]> {
    return this.onInfer(digest, inputs, options.signal)
  }

  async unload(digest: string): Promise<void> {
    this.unloads.push(digest)
    await this.onUnload(digest)
    this.loadedDigests.delete(digest)
  }

  queued(digest: string): number {
    return this.queuedWork.get(digest) ?? 0
  }
}
