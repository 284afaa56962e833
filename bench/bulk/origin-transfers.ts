/**
 * A model from an origin into a node's memory and disk, and into the origin: beside the tools that move the same bytes, with the sha256
 * of the result beside them. From a folder, and, where $HOLDFAST_BENCH_ORIGIN names one, a bucket (.ci/s3.sh starts a server).
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from '../../clients/node/index.ts'
import { type SpawnedNode, startDemoCluster } from '../../demo/index.ts'
import { nativeFileWork } from '../../native/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import { type BucketTool, openBucketTool } from '../bucket-tool.ts'
import { writeRandomFile } from '../random-file.ts'
import { median } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import { copyAndHash, hashFile, secondsOf } from './origin-tools.ts'
import type { BulkBenchPlan, BulkBenchSetup } from './setup.ts'

const MiB = 2 ** 20

interface Times {
  readonly ours: number[]
  /** With the sha256 of the result beside it. */
  readonly tool: number[]
  readonly bare: number[]
}

const noTimes = (): Times => ({ ours: [], tool: [], bare: [] })

export async function originRows(setup: BulkBenchSetup, plan: BulkBenchPlan): Promise<BenchRow[]> {
  const bucketUrl = process.env.HOLDFAST_BENCH_ORIGIN
  const rows = await withNode(setup, plan, null, folderRows)
  if (bucketUrl?.startsWith('s3:')) rows.push(...(await withNode(setup, plan, bucketUrl, bucketRows)))
  else setup.say('aws-sdk is left out: HOLDFAST_BENCH_ORIGIN names no s3:// URL')
  return rows
}

interface Bench {
  readonly node: SpawnedNode
  readonly originUrl: string
  readonly folder: string
  readonly plan: BulkBenchPlan
  readonly say: (text: string) => void
  /** Uploads the file as the model of that name. */
  readonly upload: (path: string, name: string) => Promise<unknown>
}

async function withNode(
  { folder, say }: BulkBenchSetup,
  plan: BulkBenchPlan,
  bucketUrl: string | null,
  work: (bench: Bench) => Promise<BenchRow[]>,
): Promise<BenchRow[]> {
  const bytes = plan.pullRepeats * plan.pullBytes + 256 * MiB
  const cluster = await startDemoCluster({
    names: ['puller'],
    formTimeoutMs: 300_000,
    options: {
      'memory.limitBytes': bytes,
      'disk.limitBytes': bytes,
      ...(bucketUrl === null ? {} : { 'origin.url': bucketUrl }),
    },
  })
  try {
    const originUrl = bucketUrl ?? cluster.originUrl
    const publisherKey = await loadPublisherKey(join(cluster.folder, 'publisher.key'))
    const fileWork = nativeFileWork()
    const options = { clock: systemClock, create: true, ...(fileWork === null ? {} : { work: fileWork }) }
    const upload = (source: string, name: string) =>
      push({ source, name, origin: openOrigin(originUrl, options), publisherKey })
    return await work({ node: cluster.nodes[0]!, originUrl, folder, plan, say, upload })
  } finally {
    await cluster.stop()
  }
}

async function folderRows({ node, folder, plan, say, upload }: Bench): Promise<BenchRow[]> {
  const times = noTimes()
  for (let turn = 1; turn <= plan.pullRepeats; turn++) {
    say(`folder origin ${turn} of ${plan.pullRepeats}: holdfast, cp`)
    const path = await newFile(folder, plan.pullBytes, turn)
    await upload(path, nameOf(turn))
    const copy = `${path}.copy`
    times.tool.push(await secondsOf(() => copyAndHash(path, copy)))
    await rm(copy)
    times.ours.push(await secondsToOpen(node, nameOf(turn)))
    await rm(path)
  }
  return [
    ratio('folder_pull_vs_copy', times, 'into memory and disk; beside it cp, sync and openssl dgst; goal 0.8'),
    rate('folder_pull_gbps', times.ours, plan.pullBytes),
    rate('folder_copy_gbps', times.tool, plan.pullBytes),
  ]
}

async function bucketRows({ node, originUrl, folder, plan, say, upload }: Bench): Promise<BenchRow[]> {
  const tool = await openBucketTool(originUrl)
  const [pull, send] = [noTimes(), noTimes()]
  try {
    for (let turn = 1; turn <= plan.pullRepeats; turn++) {
      say(`bucket ${turn} of ${plan.pullRepeats}: holdfast, aws-sdk`)
      await bucketTurn({ tool, node, folder, turn, upload, sizeBytes: plan.pullBytes }, pull, send)
    }
  } finally {
    await tool.end()
  }
  return [
    ratio(
      'origin_pull_vs_tool',
      pull,
      'from a bucket into memory and disk; beside it aws-sdk with openssl dgst; goal 1',
    ),
    ratio('origin_push_vs_tool', send, 'into a bucket; beside it aws-sdk with openssl dgst; goal 1'),
    { ...ratio('origin_pull_vs_tool/unhashed', { ...pull, tool: pull.bare }, 'aws-sdk alone') },
    { ...ratio('origin_push_vs_tool/unhashed', { ...send, tool: send.bare }, 'aws-sdk alone') },
    rate('origin_pull_gbps', pull.ours, plan.pullBytes),
    rate('origin_push_gbps', send.ours, plan.pullBytes),
  ]
}

async function bucketTurn(
  bench: Pick<Bench, 'node' | 'folder' | 'upload'> & {
    readonly tool: BucketTool
    readonly turn: number
    readonly sizeBytes: number
  },
  pull: Times,
  send: Times,
): Promise<void> {
  const { tool, node, folder, turn, upload, sizeBytes } = bench
  const path = await newFile(folder, sizeBytes, turn)
  const copy = `${path}.download`
  send.ours.push(await secondsOf(() => upload(path, nameOf(turn))))
  send.bare.push(await secondsOf(() => tool.upload(path)))
  send.tool.push(await secondsOf(() => Promise.all([tool.upload(path), hashFile(path)])))
  pull.ours.push(await secondsToOpen(node, nameOf(turn)))
  pull.bare.push(await secondsOf(() => tool.download(copy)))
  await rm(copy)
  pull.tool.push(
    await secondsOf(async () => {
      await tool.download(copy)
      await hashFile(copy)
    }),
  )
  await rm(copy)
  await rm(path)
}

const nameOf = (turn: number): string => `bench/origin-${turn}`

async function newFile(folder: string, sizeBytes: number, turn: number): Promise<string> {
  const path = join(folder, `origin-${turn}.bin`)
  await writeRandomFile(path, sizeBytes, 100 + turn)
  return path
}

function secondsToOpen({ socketPath }: SpawnedNode, name: string): Promise<number> {
  return secondsOf(async () => {
    using model = await open(name, { socketPath })
    void model.files[0]!.bytes[0]
  })
}

/** The median over the turns of how many times as fast ours is. */
function ratio(id: string, { ours, tool }: Times, note: string): BenchRow {
  return { id, value: median(ours.map((seconds, turn) => tool[turn]! / seconds)), unit: 'ratio', n: ours.length, note }
}

function rate(id: string, seconds: readonly number[], sizeBytes: number): BenchRow {
  return { id, value: sizeBytes / 1e9 / median(seconds), unit: 'GB/s', n: seconds.length }
}
