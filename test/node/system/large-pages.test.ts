import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readLargePages } from '../../../node/system/large-pages.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-pages-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

it('reads what is reserved, what of it is free, and the switch for shared memory', () => {
  const pages = join(root, 'sys/kernel/mm/hugepages/hugepages-2048kB')
  const shared = join(root, 'sys/kernel/mm/transparent_hugepage')
  for (const folder of [pages, shared]) mkdirSync(folder, { recursive: true })
  for (const [name, count] of Object.entries({ nr_hugepages: 10, free_hugepages: 7, resv_hugepages: 3 }))
    writeFileSync(join(pages, name), `${count}\n`)
  writeFileSync(join(shared, 'shmem_enabled'), 'always within_size [advise] never deny force\n')
  expect(readLargePages(root)).toEqual({ reservedBytes: 10 * 2 ** 21, freeBytes: 4 * 2 ** 21, shared: 'advise' })
})

it('finds none where the system does not say', () => {
  expect(readLargePages(root)).toEqual({ reservedBytes: 0, freeBytes: 0, shared: 'never' })
})
