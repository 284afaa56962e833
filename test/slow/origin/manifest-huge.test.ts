import { expect, test } from 'vitest'
import { defaultManifestLimits, parseManifest } from '../../../origin/index.ts'
import { sha256 } from '../../origin/fixture.ts'

/** The bytes of a manifest of so many one-byte files, canonical. */
function manifestOf(fileCount: number): Buffer {
  const digest = sha256('x')
  const files = Array.from({ length: fileCount }, (_, i) => {
    const path = `f${String(i).padStart(7, '0')}`
    return `{"chunks":[{"sha256":"${digest}","sizeBytes":1}],"path":"${path}","sha256":"${digest}","sizeBytes":1}`
  })
  return Buffer.from(`{"annotations":{},"files":[${files.join(',')}],"schema":"holdfast.manifest.v1"}`)
}

// What it must not be is quadratic: then this would take hours.
test('a manifest of a million files is refused by its count, and one of a hundred thousand is read', () => {
  const million = manifestOf(1_000_000)
  expect(million.length).toBeLessThan(defaultManifestLimits.manifestBytesMax)
  expect(() => parseManifest(million)).toThrow(
    expect.objectContaining({ code: 'BAD_MANIFEST', message: expect.stringContaining('1000000 items') }),
  )
  expect(parseManifest(manifestOf(100_000)).files).toHaveLength(100_000)
})
