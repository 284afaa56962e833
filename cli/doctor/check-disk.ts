/** The data folder: writable, large enough, and how fast. */
import { mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '../../common/index.ts'
import { existingFolder } from '../../node/checks/index.ts'
import { formatBinaryBytes } from '../../node/config/index.ts'
import { type BoxPatient, fail, ok, type Verdict, warn } from './types.ts'

/** Enough to pass what a disk's own cache swallows at once, little enough to take no time. */
const probeBytes = 64 * 2 ** 20
const blockBytes = 2 ** 20
/** Below it a model of a few gigabytes takes minutes to come from disk. */
const slowBytesPerS = 100e6

export async function checkDataFolder({ paths }: BoxPatient): Promise<Verdict> {
  try {
    const folder = await mkdtemp(join(await existingFolder(paths.dataPath), '.holdfast-doctor-'))
    await rm(folder, { recursive: true })
    return ok(`${paths.dataPath} can be written`)
  } catch (error) {
    return fail(
      `${paths.dataPath} cannot be written: ${(error as Error).message}`,
      'Set node.dataDir to a folder of the user that runs the node, or give it that folder with chown.',
    )
  }
}

export async function checkDisk({ options, paths }: BoxPatient): Promise<Verdict> {
  const folder = await existingFolder(paths.diskPath)
  const { bavail, bsize } = await statfs(folder)
  return judgeDisk({
    limitBytes: options['disk.limitBytes'],
    freeBytes: bavail * bsize,
    writeBytesPerS: bavail * bsize > 2 * probeBytes ? await writeSpeed(folder) : 0,
  })
}

export interface DiskFacts {
  readonly limitBytes: number
  readonly freeBytes: number
  readonly writeBytesPerS: number
}

export function judgeDisk({ limitBytes, freeBytes, writeBytesPerS }: DiskFacts): Verdict {
  const limit = formatBinaryBytes(limitBytes)
  const speed = `it writes ${formatBytes(writeBytesPerS)}/s`
  if (limitBytes === 0) return warn('the disk tier is off', 'Set disk.limitBytes: running models needs it.')
  if (freeBytes < 2 * probeBytes) {
    return fail(`${formatBytes(freeBytes)} are free`, 'Free space, or set node.dataDir to a folder on another disk.')
  }
  // What the node holds already counts as its own: a full tier on a full disk is well.
  if (freeBytes < limitBytes / 10) {
    return warn(
      `disk.limitBytes is ${limit}, ${formatBytes(freeBytes)} are free; ${speed}`,
      'Free space or lower disk.limitBytes, unless the tier is filled already.',
    )
  }
  if (writeBytesPerS < slowBytesPerS) {
    return warn(
      `${formatBytes(freeBytes)} are free; ${speed}, which is slow`,
      'Put node.dataDir on a solid-state disk.',
    )
  }
  return ok(`${limit} for models, ${formatBytes(freeBytes)} free; ${speed}`)
}

async function writeSpeed(folder: string): Promise<number> {
  const probe = await mkdtemp(join(folder, '.holdfast-doctor-'))
  const file = await open(join(probe, 'probe'), 'wx')
  try {
    const block = Buffer.alloc(blockBytes, 0x5a)
    const startedMs = performance.now()
    for (let written = 0; written < probeBytes; written += blockBytes) await file.write(block)
    await file.datasync()
    return Math.round((probeBytes / (performance.now() - startedMs)) * 1000)
  } finally {
    await file.close()
    await rm(probe, { recursive: true })
  }
}
