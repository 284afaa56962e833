/**
 * The origin in figures: how fast a model goes in and comes out, beside what moves the same file without us in the same run; what
 * that costs in memory; and what is not sent again. At $HOLDFAST_BENCH_ORIGIN, an s3:// URL say, or else in a folder.
 *
 * The commands run as processes of their own, so the figures include the start of Node, some tenths of a second.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { packageRoot, systemClock } from '../node/system/index.ts'
import { openObjectStore } from '../origin/index.ts'
import { writeLayeredFile } from './layered-file.ts'
import { measurePeer } from './origin-peers.ts'
import { writeRandomFile } from './random-file.ts'
import { runMeasured } from './run-measured.ts'
import { median } from './statistics.ts'
import type { BenchContext, BenchRow } from './types.ts'

interface Sizes {
  readonly weightsBytes: number
  readonly layerBytes: number
  readonly repeats: number
}

const MiB = 2 ** 20
const fullSizes: Sizes = { weightsBytes: 1024 * MiB, layerBytes: 16 * MiB, repeats: 3 }
const tinySizes: Sizes = { weightsBytes: 48 * MiB, layerBytes: MiB, repeats: 1 }
const layers = 16

const binPath = join(packageRoot, 'bin', 'holdfast.js')

export async function originBench({ tiny, say }: BenchContext): Promise<BenchRow[]> {
  const sizes = tiny ? tinySizes : fullSizes
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const url = originUrl(folder)
  try {
    return [
      ...(await transfers(url, folder, sizes, say)),
      ...(await resume(url, folder, sizes, say)),
      ...(await deduplication(url, folder, sizes, say)),
    ]
  } finally {
    await removeOrigin(url)
    await rm(folder, { recursive: true, force: true })
  }
}

async function transfers(url: string, folder: string, sizes: Sizes, say: (text: string) => void): Promise<BenchRow[]> {
  const megabytes = sizes.weightsBytes / 1e6
  const figures = { push: [] as number[], pull: [] as number[], peerPush: [] as number[], peerPull: [] as number[] }
  const rss = { push: [] as number[], pull: [] as number[] }
  let tool = ''
  for (let run = 0; run < sizes.repeats; run++) {
    say(`transfer ${run + 1} of ${sizes.repeats}: ${Math.round(megabytes)} MB in and out of ${url}`)
    const path = join(folder, `weights-${run}.bin`)
    await writeRandomFile(path, sizes.weightsBytes, run)
    const peer = await measurePeer(url, path)
    tool = peer.tool
    figures.peerPush.push(peer.pushMbps)
    figures.peerPull.push(peer.pullMbps)
    const name = `bench/weights:r${run}`
    const pushed = await runMeasured(binPath, ['push', path, name, '--origin', url, '--json'])
    const out = join(folder, `out-${run}`)
    const pulled = await runMeasured(binPath, ['pull', name, out, '--origin', url, '--json'])
    figures.push.push(megabytes / pushed.seconds)
    figures.pull.push(megabytes / pulled.seconds)
    rss.push.push(pushed.rssMb)
    rss.pull.push(pulled.rssMb)
    await rm(path)
    await rm(out, { recursive: true })
  }
  const n = sizes.repeats
  const beside = `${tool}, the same file in the same run`
  const [push, pull] = [median(figures.push), median(figures.pull)]
  const [peerPush, peerPull] = [median(figures.peerPush), median(figures.peerPull)]
  return [
    { id: 'push_mbps', value: push, unit: 'MB/s', n, note: 'hashed, packed, uploaded' },
    { id: 'push_peer_tool_mbps', value: peerPush, unit: 'MB/s', n, note: beside },
    { id: 'push_vs_peer_tool', value: push / peerPush, unit: 'ratio', n },
    { id: 'pull_mbps', value: pull, unit: 'MB/s', n, note: 'every chunk and file verified, synced' },
    { id: 'pull_peer_tool_mbps', value: peerPull, unit: 'MB/s', n, note: beside },
    { id: 'pull_vs_peer_tool', value: pull / peerPull, unit: 'ratio', n },
    { id: 'push_rss_mb', value: Math.max(...rss.push), unit: 'MB', n, note: 'largest of the runs' },
    { id: 'pull_rss_mb', value: Math.max(...rss.pull), unit: 'MB', n, note: 'largest of the runs' },
  ]
}

/** A push that is killed with most of it done; then what the next one sends of what the first had in hand. */
async function resume(url: string, folder: string, sizes: Sizes, say: (text: string) => void): Promise<BenchRow[]> {
  const path = join(folder, 'killed.bin')
  await writeRandomFile(path, sizes.weightsBytes, 1000)
  say('resume: a push is killed at 80% and made again')
  const handedBytes = await pushAndKill(path, 'bench/killed', url, sizes.weightsBytes * 0.8)
  const again = await runMeasured(binPath, ['push', path, 'bench/killed', '--origin', url, '--json'])
  const { reusedBytes } = JSON.parse(again.stdout) as { reusedBytes: number }
  const repeated = await runMeasured(binPath, ['push', path, 'bench/killed', '--origin', url, '--json'])
  const { newBytes } = JSON.parse(repeated.stdout) as { newBytes: number }
  await rm(path)
  const note = 'at most: read and handed over before the kill, and not found after it'
  return [
    { id: 'resume_resent_bytes', value: Math.max(0, handedBytes - reusedBytes), unit: 'bytes', n: 1, note },
    { id: 'repush_bytes', value: newBytes, unit: 'bytes', n: 1, note: 'the same model once more' },
  ]
}

async function pushAndKill(source: string, name: string, url: string, killAtBytes: number): Promise<number> {
  const script = fileURLToPath(new URL(`push-child${extname(import.meta.url)}`, import.meta.url))
  const child = spawn(process.execPath, [script, source, name, url], { stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = new Promise((resolve) => child.once('exit', resolve))
  let doneBytes = 0
  for await (const line of createInterface(child.stdout)) {
    doneBytes = Number(line)
    if (doneBytes >= killAtBytes) child.kill('SIGKILL')
  }
  await gone
  return doneBytes
}

/** A fine-tune that changes two layers of sixteen: the part of it that is uploaded. */
async function deduplication(
  url: string,
  folder: string,
  sizes: Sizes,
  say: (text: string) => void,
): Promise<BenchRow[]> {
  say(`fine-tune: 2 of ${layers} layers changed`)
  const seeds = Array.from({ length: layers }, (_, i) => 2000 + i)
  const tuned = seeds.map((seed, i) => (i < layers - 2 ? seed : seed + 1000))
  const results: { newBytes: number; totalBytes: number }[] = []
  for (const [name, layerSeeds] of Object.entries({ base: seeds, tuned })) {
    const path = join(folder, `${name}.safetensors`)
    await writeLayeredFile(path, sizes.layerBytes, layerSeeds)
    const { stdout } = await runMeasured(binPath, ['push', path, `bench/${name}`, '--origin', url, '--json'])
    results.push(JSON.parse(stdout))
    await rm(path)
  }
  const { newBytes, totalBytes } = results[1]!
  return [
    { id: 'finetune_ratio', value: newBytes / totalBytes, unit: 'ratio', n: 1, note: `2 of ${layers} layers differ` },
  ]
}

/** Below what was given, in a place of its own. */
function originUrl(folder: string): string {
  const given = process.env.HOLDFAST_BENCH_ORIGIN
  if (!given) return pathToFileURL(join(folder, 'origin')).href
  const url = new URL(given)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/bench-${randomUUID()}`
  return url.href
}

async function removeOrigin(url: string): Promise<void> {
  const store = openObjectStore(url, { clock: systemClock, create: true })
  for await (const { key } of store.list('')) await store.delete(key)
  await store.sweep(0)
}
