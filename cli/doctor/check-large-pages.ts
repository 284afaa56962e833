/** Whether weights can stand on large pages here, and how to have them. */
import { formatBytes } from '../../common/index.ts'
import { givesSharedLargePages, type LargePages, readLargePages } from '../../node/system/index.ts'
import type { BoxPatient } from './types.ts'
import { ok, type Verdict } from './types.ts'

const pageBytes = 2 * 2 ** 20

export function checkLargePages({ options }: BoxPatient): Verdict {
  return judgeLargePages(readLargePages(), options['memory.largePages'] === 'auto', options['memory.limitBytes'])
}

/** Never worse than ok: the usual pages work, only slower. `limitBytes` 0: left to the machine. */
export function judgeLargePages(pages: LargePages, wanted: boolean, limitBytes: number): Verdict {
  if (!wanted) return ok('weights have pages of 4 KiB (memory.largePages: off)')
  const { reservedBytes, freeBytes, shared } = pages
  const beyond = givesSharedLargePages(pages)
    ? `those that the kernel gives (shmem_enabled: ${shared})`
    : 'pages of 4 KiB'
  if (reservedBytes > 0) {
    return ok(
      `large pages: ${formatBytes(reservedBytes)} are reserved, ${formatBytes(freeBytes)} of them free; other weights have ${beyond}`,
    )
  }
  if (givesSharedLargePages(pages))
    return ok(`weights have large pages as the kernel gives them (shmem_enabled: ${shared})`)
  const count = Math.ceil((limitBytes === 0 ? 2 ** 30 : limitBytes) / pageBytes)
  return ok(
    `weights have pages of 4 KiB; cold loads and inferences are faster on large ones: sysctl vm.nr_hugepages=${count} reserves ${formatBytes(count * pageBytes)}, or echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled`,
  )
}
