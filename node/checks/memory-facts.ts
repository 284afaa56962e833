/**
 * How much memory this process may use: that of the machine, and of the control groups (version 1 and 2) that the process is in. A limit
 * holds for everything below it, so the least of all groups up to the root counts. Shared memory is paid for by the group that wrote it.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface MemoryFacts {
  /** Of the machine. */
  readonly totalBytes: number
  /** Free or reclaimable now, in the machine and in every group. */
  readonly availableBytes: number
  /** The least limit of the groups of this process; Infinity without one. */
  readonly groupLimitBytes: number
  /** The file that says so; null without one. */
  readonly groupLimitFile: string | null
}

/** Where groups of one kind are seen: `rootGroup` is the group that the folder itself shows. */
interface GroupMount {
  readonly version: 1 | 2
  readonly rootGroup: string
  readonly folder: string
}

const limitFiles = { 1: ['memory.limit_in_bytes'], 2: ['memory.max', 'memory.high'] } as const
const usageFile = { 1: 'memory.usage_in_bytes', 2: 'memory.current' } as const
/** Version 1 says "no limit" by the largest number of pages. */
const unlimitedBytes = 2 ** 60
/** Where they are by custom, for when the table of mounts cannot be read. */
const usualMounts: readonly GroupMount[] = [
  { version: 2, rootGroup: '/', folder: '/sys/fs/cgroup' },
  { version: 2, rootGroup: '/', folder: '/sys/fs/cgroup/unified' },
  { version: 1, rootGroup: '/', folder: '/sys/fs/cgroup/memory' },
]

/** Null where the system does not say, which is anywhere but on Linux. `root` is the folder that counts as /. */
export function readMemoryFacts(root = '/'): MemoryFacts | null {
  const meminfo = readText(join(root, 'proc/meminfo'))
  if (meminfo === null) return null
  let availableBytes = meminfoBytes(meminfo, 'MemAvailable')
  let groupLimitBytes = Number.POSITIVE_INFINITY
  let groupLimitFile: string | null = null
  for (const { version, folder } of memoryGroups(root)) {
    for (const file of limitFiles[version]) {
      const limitBytes = bytesOf(readText(join(root, folder, file)))
      if (limitBytes === null) continue
      availableBytes = Math.min(availableBytes, Math.max(0, limitBytes - heldBytes(root, version, folder)))
      if (limitBytes >= groupLimitBytes) continue
      groupLimitBytes = limitBytes
      groupLimitFile = join(folder, file)
    }
  }
  return { totalBytes: meminfoBytes(meminfo, 'MemTotal'), availableBytes, groupLimitBytes, groupLimitFile }
}

/** Memory of the group that cannot be reclaimed: all but pages of files. */
function heldBytes(root: string, version: 1 | 2, folder: string): number {
  const usedBytes = bytesOf(readText(join(root, folder, usageFile[version]))) ?? 0
  const stat = readText(join(root, folder, 'memory.stat')) ?? ''
  const prefix = version === 1 ? 'total_' : ''
  const bytes = (name: string) => Number(new RegExp(`^${prefix}${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
  return Math.max(0, usedBytes - bytes('inactive_file') - bytes('active_file'))
}

/** The groups of this process and everything above them, as far as they can be seen. */
function* memoryGroups(root: string): Generator<{ readonly version: 1 | 2; readonly folder: string }> {
  const lines = (readText(join(root, 'proc/self/cgroup')) ?? '').split('\n')
  const mounts = mountsOf(readText(join(root, 'proc/self/mountinfo')))
  const seen = new Set<string>()
  for (const line of lines) {
    const [, hierarchy, controllers, group] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (hierarchy === undefined || controllers === undefined || group === undefined) continue
    const version = hierarchy === '0' ? 2 : 1
    if (version === 1 && !controllers.split(',').includes('memory')) continue
    for (const mount of mounts) {
      if (mount.version !== version) continue
      for (const folder of foldersUp(mount, group)) {
        if (seen.has(folder)) continue
        seen.add(folder)
        yield { version, folder }
      }
    }
  }
}

/** From the group's own folder to that of the mount. A group outside of what is mounted, as in a container, is seen as its root. */
function* foldersUp({ rootGroup, folder: top }: GroupMount, group: string): Generator<string> {
  const isBelow = rootGroup === '/' || group === rootGroup || group.startsWith(`${rootGroup}/`)
  const below = isBelow && !group.split('/').includes('..') ? group.slice(rootGroup === '/' ? 0 : rootGroup.length) : ''
  for (let folder = join(top, below).replace(/(.)\/$/, '$1'); folder.length > top.length; folder = dirname(folder)) {
    yield folder
  }
  yield top
}

/** `mountinfo`: id, parent, device, root, mount point, options, ..., '-', type, source, options of the super block. */
function mountsOf(mountinfo: string | null): readonly GroupMount[] {
  const mounts = (mountinfo ?? '').split('\n').flatMap((line): GroupMount[] => {
    const [place = '', kind = ''] = line.split(' - ')
    const [, , , rootGroup, folder] = place.split(' ').map(unescaped)
    const [type, , superOptions = ''] = kind.split(' ')
    if (rootGroup === undefined || folder === undefined) return []
    if (type === 'cgroup2') return [{ version: 2, rootGroup, folder }]
    return type === 'cgroup' && superOptions.split(',').includes('memory') ? [{ version: 1, rootGroup, folder }] : []
  })
  return mounts.length > 0 ? mounts : usualMounts
}

/** The kernel writes a space as \040. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** Null for "no limit", and for what is no number. */
function bytesOf(text: string | null): number | null {
  const trimmed = text?.trim() ?? ''
  const bytes = Number(trimmed)
  return /^\d+$/.test(trimmed) && bytes < unlimitedBytes ? bytes : null
}

function meminfoBytes(meminfo: string, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not there, or not for this process: it says nothing.
    return null
  }
}
