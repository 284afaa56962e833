/** How each kind of fault is done to a laboratory, and undone. */
import { createWriteStream } from 'node:fs'
import { open, readdir, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Prng } from '../../common/index.ts'
import { processTree } from '../hostile/node-watch.ts'
import { setManner } from '../lab/origin-process.ts'
import type { ChaosLab, ChaosNode } from './chaos-lab.ts'
import type { Fault, FaultKind } from './faults.ts'
import type { Readers } from './readers.ts'

export interface FaultTools {
  readonly lab: ChaosLab
  readonly readers: Readers
  readonly random: Prng
}

/** Does it, and gives what undoes it: which settles when the world is as before. */
type Inflict = (tools: FaultTools, node: ChaosNode, zone: readonly ChaosNode[]) => Promise<() => Promise<void>>

const dayS = 86_400
const lossShare = 0.1
const fillerName = 'filler'

const nothingToUndo = async () => {}

const inflictions: Readonly<Record<FaultKind, Inflict>> = {
  kill: async ({ lab }, node) => {
    const { process } = node
    node.process = null
    await process?.kill()
    return () => lab.startNode(node)
  },
  stop: async ({ lab }, node) => {
    const { process } = node
    node.process = null
    await process?.stop()
    return () => lab.startNode(node)
  },
  'partition-zones': ({ lab }) =>
    part(lab, lab.nodes.slice(0, lab.nodes.length / 2), lab.nodes.slice(lab.nodes.length / 2)),
  'partition-in-zone': ({ lab }, node, zone) =>
    part(
      lab,
      [node],
      zone.filter((other) => other !== node),
    ),
  loss: async ({ lab }) => {
    lab.net.setDropShare(lossShare)
    return async () => lab.net.setDropShare(0)
  },
  'origin-away': ({ lab }) => originManner(lab, 'away'),
  'origin-hanging': ({ lab }) => originManner(lab, 'hanging'),
  'origin-slow': ({ lab }) => originManner(lab, 'slow'),
  'byte-flip': async ({ random }, node) => {
    const path = await someBlob(node, random)
    if (path !== null) await flipByte(path, random)
    return nothingToUndo
  },
  truncation: async ({ random }, node) => {
    const path = await someBlob(node, random)
    if (path !== null) await truncate(path, random.int((await stat(path)).size))
    return nothingToUndo
  },
  'full-disk': async (_tools, node) => {
    const path = join(node.dataPath, fillerName)
    await fill(path)
    return () => rm(path)
  },
  'worker-kill': async ({ random }, node) => {
    const [self, ...children] = node.process === null ? [] : await processTree(node.process.process.pid!)
    if (self !== undefined && children.length > 0) kill(children[random.int(children.length)]!)
    return nothingToUndo
  },
  'client-kill': async ({ readers }, node) => {
    await readers.kill(node)
    return async () => readers.start(node)
  },
  'tag-moved': async ({ lab, random }) => {
    const { names } = lab.models
    await lab.models.pushRevision(names[random.int(names.length)]!)
    return nothingToUndo
  },
  'clock-forward': ({ lab }, node) => shiftClock(lab, node, dayS),
  'clock-back': ({ lab }, node) => shiftClock(lab, node, -dayS),
}

export function inflict(fault: Fault, tools: FaultTools): Promise<() => Promise<void>> {
  const node = tools.lab.nodes[fault.node ?? 0]!
  const zone = tools.lab.nodes.filter((other) => other.zone === node.zone)
  return inflictions[fault.kind](tools, node, zone)
}

async function part(lab: ChaosLab, some: readonly ChaosNode[], others: readonly ChaosNode[]) {
  const [left, right] = [some, others].map((nodes) => nodes.map(({ host }) => host)) as [string[], string[]]
  const sides = [...left.map((host) => [host, right] as const), ...right.map((host) => [host, left] as const)]
  await Promise.all(sides.map(([host, towards]) => lab.net.silence(host, towards)))
  return async () => {
    await Promise.all(sides.map(([host, towards]) => lab.net.endSilence(host, towards)))
  }
}

async function originManner({ origin }: ChaosLab, manner: 'away' | 'hanging' | 'slow') {
  await setManner(origin!.address, manner)
  return () => setManner(origin!.address, 'well')
}

async function shiftClock(lab: ChaosLab, node: ChaosNode, shiftS: number) {
  await lab.setClock(node, shiftS)
  return () => lab.setClock(node, 0)
}

/** A file of weights on the node's disk; null when there is none. */
async function someBlob({ dataPath }: ChaosNode, random: Prng): Promise<string | null> {
  const folder = join(dataPath, 'disk', 'blobs')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return files.sort()[files.length === 0 ? 0 : random.int(files.length)] ?? null
}

async function flipByte(path: string, random: Prng): Promise<void> {
  await using file = await open(path, 'r+')
  const at = random.int((await file.stat()).size)
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, at)
  byte[0]! ^= 1 << random.int(8)
  await file.write(byte, 0, 1, at)
}

/** Until nothing more fits. */
async function fill(path: string): Promise<void> {
  const block = Buffer.alloc(2 ** 20)
  const endless = async function* () {
    for (;;) yield block
  }
  await pipeline(endless, createWriteStream(path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOSPC') throw error
  })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended by itself.
  }
}
