/** Kernel, memory, descriptors and clock: what the machine says of itself, and the judgement of it as pure functions. */
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { formatBytes } from '../../common/index.ts'
import { formatBinaryBytes } from '../../node/config/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { fail, ok, type Patient, type Verdict, warn } from './types.ts'

/** F_SEAL_FUTURE_WRITE came with it. */
const kernelMin = [5, 1] as const
/** A node needs a handful per client and per peer connection. */
const descriptorsMin = 1024
const descriptorsGood = 4096
/** No box with this program has a right clock before this. */
const earliestMs = Date.UTC(2026, 0, 1)

export async function checkKernel(): Promise<Verdict> {
  return judgeKernel(process.platform, release())
}

export function judgeKernel(platform: string, kernelRelease: string): Verdict {
  if (platform !== 'linux') {
    return fail(`this is ${platform}`, 'Run the node on Linux; push, pull, ls and stat work here.')
  }
  const [major = 0, minor = 0] = kernelRelease.split('.').map(Number)
  const isEnough = major > kernelMin[0] || (major === kernelMin[0] && minor >= kernelMin[1])
  if (isEnough) return ok(`Linux ${kernelRelease} can seal shared memory against future writers`)
  return fail(
    `Linux ${kernelRelease} cannot seal shared memory against future writers`,
    'Upgrade to Linux 5.1 or later.',
  )
}

export async function checkMemory({ options }: Patient): Promise<Verdict> {
  const meminfo = await readFile('/proc/meminfo', 'utf8')
  return judgeMemory({
    limitBytes: options['memory.limitBytes'],
    totalBytes: meminfoBytes(meminfo, 'MemTotal'),
    availableBytes: meminfoBytes(meminfo, 'MemAvailable'),
    groupLimitBytes: await groupLimitBytes(),
  })
}

export interface MemoryFacts {
  /** memory.limitBytes */
  readonly limitBytes: number
  readonly totalBytes: number
  readonly availableBytes: number
  /** Of the control group, which pays for shared memory too; Infinity without one. */
  readonly groupLimitBytes: number
}

export function judgeMemory({ limitBytes, totalBytes, availableBytes, groupLimitBytes }: MemoryFacts): Verdict {
  const limit = formatBinaryBytes(limitBytes)
  const machineBytes = Math.min(totalBytes, groupLimitBytes)
  const where = groupLimitBytes < totalBytes ? 'this control group may use' : 'this machine has'
  if (limitBytes > machineBytes) {
    return fail(
      `memory.limitBytes is ${limit}, ${where} ${formatBytes(machineBytes)}`,
      `Set memory.limitBytes to at most ${formatBinaryBytes(roundDown(machineBytes * 0.8))}: weights in memory cannot be swapped usefully.`,
    )
  }
  if (limitBytes > availableBytes || limitBytes > 0.9 * machineBytes) {
    return warn(
      `memory.limitBytes is ${limit}, of ${formatBytes(machineBytes)} ${formatBytes(availableBytes)} are available now`,
      'End what else uses memory, or lower memory.limitBytes: a machine that runs out of memory ends the node.',
    )
  }
  return ok(`${limit} for weights, ${formatBytes(availableBytes)} available`)
}

export async function checkDescriptors(): Promise<Verdict> {
  return judgeDescriptors(await readFile('/proc/self/limits', 'utf8'))
}

/** `limits` is /proc/self/limits. */
export function judgeDescriptors(limits: string): Verdict {
  const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(limits) ?? []
  const softLimit = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  const action = `Raise the limit: \`ulimit -n\`, or LimitNOFILE= in the unit (the hard limit is ${hard}).`
  if (!(softLimit >= descriptorsMin)) return fail(`only ${soft} files may be open`, action)
  if (softLimit < descriptorsGood) return warn(`only ${soft} files may be open`, action)
  return ok(`${soft} files may be open`)
}

export async function checkClock(): Promise<Verdict> {
  return judgeClock(systemClock.wallMs())
}

/** Epochs of a node come from its clock, and so do the signatures of S3 and TLS. */
export function judgeClock(wallMs: number): Verdict {
  const now = new Date(wallMs).toISOString()
  if (wallMs >= earliestMs) return ok(`it is ${now}`)
  return fail(`the clock says ${now}`, 'Set it, best by NTP: `timedatectl set-ntp true`.')
}

function meminfoBytes(meminfo: string, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024
}

async function groupLimitBytes(): Promise<number> {
  try {
    const text = (await readFile('/sys/fs/cgroup/memory.max', 'utf8')).trim()
    return text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
  } catch {
    // The root group, or version 1 of control groups, has no such file.
    return Number.POSITIVE_INFINITY
  }
}

function roundDown(bytes: number): number {
  const step = 256 * 2 ** 20
  return Math.max(step, Math.floor(bytes / step) * step)
}
