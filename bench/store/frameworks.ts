/**
 * How soon a framework is ready with a model of the store, beside its own load of its own file: ONNX Runtime in place on its converted
 * form, PyTorch through the Python module, llama.cpp by the path of the segment. Cold: neither is in the page cache, and the store has the
 * model on disk alone. Warm: the file in the page cache, the model in the store's memory.
 */
import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateModel, planGguf, writeModel } from '../../demo/index.ts'
import { defaultOnnxRuntimeOptions, deriveModel } from '../../node/runtime/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { writeLayeredFile } from '../layered-file.ts'
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import {
  type FrameworkCommand,
  llamaCommand,
  mappedByTwo,
  onnxCommand,
  type ReadyResult,
  runReady,
  torchCommand,
} from './framework-runs.ts'
import type { StoreBenchPlan, StoreBenchSetup } from './setup.ts'

const run = promisify(execFile)
const layers = 16
const ownLoadsMin = 3
const ownLoadsMsMax = 8_000

interface Contest {
  readonly framework: 'onnx' | 'torch' | 'llama'
  readonly label: string
  readonly command: FrameworkCommand
  /** Its own file. */
  readonly path: string
  /** In the store, and where its copy on disk lies. */
  readonly model: string
  readonly blobPath: string
}

export async function frameworkRows(setup: StoreBenchSetup, plan: StoreBenchPlan): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const contests of [onnxContests, torchContests, llamaContests]) {
    const cold: BenchRow[] = []
    for await (const contest of contests(setup, plan)) {
      const { row, ownMs } = await coldRow(setup, plan, contest)
      cold.push(row)
      rows.push(row, ...(await warmRows(setup, plan, contest, ownMs)), await sharedRow(contest))
      await setup.store.remove(contest.model)
      await rm(contest.path)
    }
    rows.push(...worstOf(cold))
  }
  // Of ONNX Runtime each model is a row that the goal names.
  for (const framework of ['torch', 'llama']) {
    rows.push(...worstOf(rows.filter(({ id }) => id.startsWith(`warm_ready_speedup/${framework}/`))))
  }
  const ratios = rows.filter(({ id }) => id.startsWith('ort_inplace_inference_ratio/'))
  const worst = ratios.toSorted((left, right) => right.value - left.value)[0]!
  return [...rows, { ...worst, id: 'ort_inplace_inference_ratio', note: `the worst model: ${worst.id}; goal 1.1` }]
}

/** The least ratio over all sizes, under the id without the size. */
function worstOf(rows: readonly BenchRow[]): BenchRow[] {
  const worst = rows.toSorted((left, right) => left.value - right.value)[0]
  if (worst === undefined) return []
  return [{ ...worst, id: worst.id.slice(0, worst.id.lastIndexOf('/')), note: `the worst size: ${worst.id}` }]
}

async function coldRow(
  setup: StoreBenchSetup,
  plan: StoreBenchPlan,
  contest: Contest,
): Promise<{ row: BenchRow; ownMs: number }> {
  const { store, programs, say } = setup
  const { framework, label, command, path, model, blobPath } = contest
  const [ours, own]: [number[], number[]] = [[], []]
  for (let repeat = 0; repeat < plan.frameworkColdRepeats; repeat++) {
    await programs.forget(path)
    own.push((await runReady(command, { from: 'file', model: path, count: 1, hold: false })).readyMs[0]!)
    await store.drop(model)
    await programs.forget(blobPath)
    ours.push((await runReady(command, { from: 'store', model, count: 1, hold: false })).readyMs[0]!)
  }
  const [oursMs, ownMs] = [median(ours), median(own)]
  say(`${framework} ${label} cold: ${oursMs.toFixed(1)} ms, from its own file ${ownMs.toFixed(1)} ms`)
  const note = `own file ${ownMs.toFixed(1)} ms, ours ${oursMs.toFixed(1)} ms; goal 1`
  const id = `cold_ready_vs_own/${framework}/${label}`
  return { row: { id, value: ownMs / oursMs, unit: 'ratio', n: ours.length, note }, ownMs }
}

async function warmRows(
  setup: StoreBenchSetup,
  plan: StoreBenchPlan,
  contest: Contest,
  coldOwnMs: number,
): Promise<BenchRow[]> {
  const { framework, label, command, path, model } = contest
  // A framework that takes seconds is not asked as often as one that takes milliseconds.
  const ownCount = Math.max(ownLoadsMin, Math.min(plan.warmRepeats, Math.floor(ownLoadsMsMax / coldOwnMs)))
  // The rounds before have left either in memory.
  const own: ReadyResult = await runReady(command, { from: 'file', model: path, count: ownCount, hold: false })
  const ours: ReadyResult = await runReady(command, { from: 'store', model, count: plan.warmRepeats, hold: false })
  const [oursMs, ownMs] = [median(ours.readyMs), median(own.readyMs)]
  setup.say(`${framework} ${label} warm: ${oursMs.toFixed(2)} ms, from its own file ${ownMs.toFixed(1)} ms`)
  const id = framework === 'onnx' ? `onnx-${label}` : `${framework}/${label}`
  const goal = id === 'onnx-vgg16' ? '; goal 80' : ''
  const rows: BenchRow[] = [
    {
      id: `warm_ready_speedup/${id}`,
      value: ownMs / oursMs,
      unit: 'ratio',
      n: ours.readyMs.length,
      note: `own file in the page cache ${ownMs.toFixed(1)} ms (n ${own.readyMs.length}), ours ${oursMs.toFixed(2)} ms${goal}`,
    },
  ]
  if (own.inferMs === undefined || ours.inferMs === undefined) return rows
  const [oursInferMs, ownInferMs] = [median(ours.inferMs), median(own.inferMs)]
  rows.push({
    id: `ort_inplace_inference_ratio/${label}`,
    value: oursInferMs / ownInferMs,
    unit: 'ratio',
    n: ours.inferMs.length,
    note: `one thread: own session ${ownInferMs.toFixed(2)} ms, in place ${oursInferMs.toFixed(2)} ms; goal 1.1`,
  })
  return rows
}

async function sharedRow({ framework, label, command, model }: Contest): Promise<BenchRow> {
  const { segmentBytes, unsharedBytes, otherPrivateBytes } = await mappedByTwo(command, model)
  const other = `${Math.round(otherPrivateBytes / 2e6)} MB of other private memory each`
  return {
    id: `framework_private_pct/${framework}/${label}`,
    value: (100 * unsharedBytes) / segmentBytes,
    unit: '%',
    n: 2,
    note: `of ${Math.round(segmentBytes / 2e6)} MB of the segment in each of two ready processes; ${other}`,
  }
}

async function* onnxContests(setup: StoreBenchSetup, plan: StoreBenchPlan): AsyncGenerator<Contest> {
  const { store, folder, say } = setup
  const warmUpPath = join(folder, 'warm-up')
  await mkdir(warmUpPath)
  await generateModel('tiny', warmUpPath)
  for (const { label, model: recipe } of plan.onnx) {
    say(`ONNX Runtime, ${recipe}`)
    const modelFolder = join(folder, `onnx-${label}`)
    await mkdir(modelFolder)
    await generateModel(recipe, modelFolder)
    const path = join(modelFolder, 'model.onnx')
    const converted = join(modelFolder, 'model.ort')
    await deriveModel(path, converted, {
      clock: systemClock,
      limits: defaultOnnxRuntimeOptions,
      signal: new AbortController().signal,
    })
    const model = `bench/onnx-${label}`
    const blobPath = await store.add(model, converted, 'model.ort')
    await rm(converted)
    const command = onnxCommand({
      socketPath: store.socketPath,
      warmUpPath: join(warmUpPath, 'model.onnx'),
      inferences: plan.inferences,
    })
    yield { framework: 'onnx', label, command, path, model, blobPath }
  }
}

async function* torchContests(setup: StoreBenchSetup, plan: StoreBenchPlan): AsyncGenerator<Contest> {
  const { store, folder, say } = setup
  const command = torchCommand(store.socketPath)
  if (command === null) return say('no PyTorch on this machine: its rows are left out (apt-get install python3-torch)')
  for (const [index, { label, sizeBytes }] of plan.torchBytes.entries()) {
    say(`PyTorch, ${label} of weights`)
    const source = join(folder, `torch-${label}.safetensors`)
    const path = join(folder, `torch-${label}.pt`)
    const seeds = Array.from({ length: layers }, (_, layer) => 9000 + 100 * index + layer)
    await writeLayeredFile(source, Math.floor(sizeBytes / layers), seeds)
    const model = `bench/torch-${label}`
    const blobPath = await store.add(model, source, 'model.safetensors')
    await rm(source)
    await run(command.command, [...command.args, JSON.stringify({ save: path, model })], { env: command.env })
    yield { framework: 'torch', label, command, path, model, blobPath }
  }
}

async function* llamaContests(setup: StoreBenchSetup, plan: StoreBenchPlan): AsyncGenerator<Contest> {
  const { store, folder, say } = setup
  const command = llamaCommand(store.socketPath)
  if (command === null) return say('no node-llama-cpp on this machine: its rows are left out (.ci/install-llama)')
  for (const { label, layerCount } of plan.llamaLayers) {
    say(`llama.cpp, ${label} of weights`)
    const file = `llama-${label}.gguf`
    await writeModel([planGguf(file, { layerCount, width: 1024, innerWidth: 2816, vocabularySize: 4096 })], folder)
    const path = join(folder, file)
    const model = `bench/llama-${label}`
    const blobPath = await store.add(model, path, 'model.gguf')
    yield { framework: 'llama', label, command, path, model, blobPath }
  }
}
