/** Large pages for a test, where this machine lets us have them; as it was before when the test ends. */
import { readFileSync, writeFileSync } from 'node:fs'
import { readLargePages } from '../../node/system/large-pages.ts'

const path = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'

/** Before the first test of this process: pages that are still mapped when a test ends stay until they are let go, and count meanwhile. */
let countBefore: number | null = null

/** Null, and the reason is printed, when the kernel does not reserve so many more. */
export function reserveLargePages(count: number): Disposable | null {
  const { freeBytes } = readLargePages()
  try {
    const total = Number(readFileSync(path, 'latin1'))
    countBefore ??= total
    const release = () => writeFileSync(path, String(countBefore))
    writeFileSync(path, String(total + count))
    if (readLargePages().freeBytes - freeBytes >= count * 2 ** 21) return { [Symbol.dispose]: release }
    release()
    console.log(`skipped: the kernel has no ${count} large pages left to reserve`)
  } catch (error) {
    console.log(`skipped: large pages cannot be reserved here: ${(error as Error).message}`)
  }
  return null
}
