/** A bucket's listing has what no model can name: all of it is taken, told, or refused. */
import { describe, expect, test } from 'vitest'
import type { ListedObject, ListOptions, ObjectReader } from '../../../origin/index.ts'
import { listAdoptFiles } from '../../../origin/push/adopt-source.ts'

/** As S3 lists: a key that no origin gives only when it is asked for. */
function bucket(keys: Readonly<Record<string, number>>): ObjectReader {
  return {
    url: 's3://bucket/models',
    getRange: async () => null,
    head: async (key) => (Object.hasOwn(keys, key) ? { sizeBytes: keys[key]!, modifiedMs: 0 } : null),
    async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
      for (const [key, sizeBytes] of Object.entries(keys)) {
        const isForeign = /[\\\p{Cc}]|\/\/|\/$/u.test(key)
        if (key.startsWith(prefix) && (options.foreign || !isForeign)) yield { key, sizeBytes, modifiedMs: 0 }
      }
    },
  }
}
const list = (keys: Readonly<Record<string, number>>, path = 'plain/m') =>
  listAdoptFiles({ reader: bucket(keys), path, base: { base: 'bucket' }, root: null }, { filesMax: 10 })

describe('the keys of a bucket', () => {
  test('are files, or are told: hidden ones, unfinished downloads, markers of empty folders', async () => {
    const { files, notes } = await list({
      'plain/m/': 0,
      'plain/m/a.bin': 3,
      'plain/m/sub/': 0,
      'plain/m/sub/b.bin': 4,
      'plain/m/nothing/': 0,
      'plain/m/.git/HEAD': 1,
      'plain/m/c.bin.incomplete': 5,
      'plain/mother/x': 1,
    })
    expect(files.map(({ key, path }) => [key, path])).toEqual([
      ['plain/m/a.bin', 'a.bin'],
      ['plain/m/sub/b.bin', 'sub/b.bin'],
    ])
    expect(notes.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual([
      'empty-folder nothing',
      'hidden .git/HEAD',
      'partial-download c.bin.incomplete',
    ])
  })

  test.each(['a\\b.bin', 'a//b.bin', 'a/../b', 'a\nb', 'data/', 'A.BIN'])('are refused by name: %j', async (name) => {
    await expect(list({ 'plain/m/a.bin': 3, [`plain/m/${name}`]: 3 })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      details: { path: name === 'A.BIN' ? expect.stringMatching(/a\.bin/i) : name },
    })
  })
})
