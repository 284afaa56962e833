/** A control group with little memory, of version 1 or 2, for processes that enter it. Null where none can be made. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const v1Folder = '/sys/fs/cgroup/memory'
const v2Folder = '/sys/fs/cgroup'

export interface MemoryGroup {
  /** The file with its limit. */
  readonly limitFile: string
  /** Words before a command that is to run in the group, in the same process. */
  readonly enter: readonly string[]
  /** Processes of the group that the kernel ended. */
  killCount(): number
  /** When all processes in it have ended. */
  remove(): void
}

export function makeMemoryGroup(name: string, limitBytes: number): MemoryGroup | null {
  const isV1 = existsSync(join(v1Folder, 'memory.limit_in_bytes'))
  const folder = join(isV1 ? v1Folder : v2Folder, name)
  const limitFile = join(folder, isV1 ? 'memory.limit_in_bytes' : 'memory.max')
  try {
    if (!isV1) writeFileSync(join(v2Folder, 'cgroup.subtree_control'), '+memory')
    mkdirSync(folder)
    writeFileSync(limitFile, String(limitBytes))
  } catch {
    // Not root, or a folder of groups that is not for changes, as in a container.
    if (existsSync(folder)) rmdirSync(folder)
    return null
  }
  const events = join(folder, isV1 ? 'memory.oom_control' : 'memory.events')
  return {
    limitFile,
    enter: ['/bin/sh', '-c', `echo $$ > ${join(folder, 'cgroup.procs')} && exec "$0" "$@"`],
    killCount: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(events, 'utf8'))?.[1] ?? 0),
    remove: () =>
      execFileSync('/bin/sh', ['-c', `for i in 1 2 3 4 5; do rmdir ${folder} && exit 0; sleep 1; done; exit 1`]),
  }
}
