/** Large pages of this machine: what is reserved of them, and whether the kernel gives them to shared memory. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface LargePages {
  /** Of 2 MiB pages: vm.nr_hugepages. */
  readonly reservedBytes: number
  /** Of these, neither used nor promised to somebody. */
  readonly freeBytes: number
  /** The kernel's switch for shared memory, shmem_enabled: 'never' and 'deny' give none. */
  readonly shared: string
}

const pageBytes = 2 * 2 ** 20
const none: LargePages = { reservedBytes: 0, freeBytes: 0, shared: 'never' }

/** None where the system does not say. `root` is the folder that counts as /. */
export function readLargePages(root = '/'): LargePages {
  const count = (name: string) => Number(textOf(join(root, 'sys/kernel/mm/hugepages/hugepages-2048kB', name)) ?? 0)
  const shared = textOf(join(root, 'sys/kernel/mm/transparent_hugepage/shmem_enabled'))
  return {
    reservedBytes: pageBytes * count('nr_hugepages'),
    freeBytes: pageBytes * Math.max(0, count('free_hugepages') - count('resv_hugepages')),
    shared: /\[(\w+)\]/.exec(shared ?? '')?.[1] ?? none.shared,
  }
}

export function givesSharedLargePages({ shared }: LargePages): boolean {
  return shared !== 'never' && shared !== 'deny'
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}
