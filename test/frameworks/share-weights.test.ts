/**
 * Frameworks that run on the weights of a real node: two processes each, which share every page of them. What they take to be ready is
 * measured by `holdfast bench store`.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type FrameworkCommand,
  llamaCommand,
  mappedByTwo,
  onnxCommand,
  runReady,
  torchCommand,
} from '../../bench/store/framework-runs.ts'
import type { SpawnedNode } from '../../demo/spawn-node.ts'
import { defaultOnnxRuntimeOptions, deriveModel } from '../../node/runtime/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { ClusterFixture } from '../e2e/cluster-fixture.ts'

describe('two processes of one framework', () => {
  let cluster: ClusterFixture
  let node: SpawnedNode
  beforeAll(async () => {
    cluster = await ClusterFixture.create()
    node = await cluster.start('a')
  })
  afterAll(() => cluster.dispose())

  async function sharesEveryPage(framework: FrameworkCommand, model: string, leastBytes: number): Promise<void> {
    const mapped = await mappedByTwo(framework, model)
    expect(mapped.segmentBytes).toBeGreaterThan(2 * leastBytes)
    expect(mapped.copiedBytes).toBe(0)
    // What only one of them happens to have touched counts as not shared.
    expect(mapped.unsharedBytes / mapped.segmentBytes).toBeLessThan(0.01)
  }

  it('ONNX Runtime in place, by the Node client', async () => {
    const path = await cluster.generate('squeezenet1.0')
    const onnxPath = join(path, 'model.onnx')
    const converted = join(cluster.folder, 'model.ort')
    await deriveModel(onnxPath, converted, {
      clock: systemClock,
      limits: defaultOnnxRuntimeOptions,
      signal: new AbortController().signal,
    })
    await cluster.push(converted, 'acme/squeezenet-ort')
    await rm(converted)
    const framework = onnxCommand({ socketPath: node.socketPath, warmUpPath: onnxPath, inferences: 1 })
    const own = await runReady(framework, { from: 'file', model: onnxPath, count: 1, hold: false })
    expect(own.inferMs).toHaveLength(1)
    await sharesEveryPage(framework, 'acme/squeezenet-ort', 4e6)
  })

  it('PyTorch, by the Python module', async ({ skip }) => {
    const framework = torchCommand(node.socketPath)
    if (framework === null) return skip('no PyTorch on this machine: .ci/python.sh installs it')
    await cluster.push(await cluster.generate('llama-tiny'), 'acme/llama')
    await sharesEveryPage(framework, 'acme/llama', 10e6)
  })

  it('llama.cpp, by the path of the segment', async ({ skip }) => {
    const framework = llamaCommand(node.socketPath)
    if (framework === null) return skip('no node-llama-cpp on this machine: .ci/install-llama installs it')
    const path = await cluster.generate('gguf-tiny')
    await cluster.push(path, 'acme/gguf')
    const own = await runReady(framework, { from: 'file', model: join(path, 'model.gguf'), count: 1, hold: false })
    expect(own.readyMs).toHaveLength(1)
    await sharesEveryPage(framework, 'acme/gguf', 2e6)
  })
})
