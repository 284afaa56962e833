/** A write without a crash point would be a moment that no test lets the node die at: there are none. */
import { describe, expect, it } from 'vitest'
import { crashPoints } from '../../node/system/crash-point.ts'
import { readSource, sourceFiles } from '../support/source-files.ts'

const diskFiles = 'native/disk/disk_files.cc'
/** Calls that change something on disk. */
const systemWrites =
  /\b(unlink|rename|mkdir|rmdir|fsync|fdatasync|pwrite|write|ftruncate|fallocate|fchmod|chmod|link)\(|O_CREAT/g

/** Sockets and memory: nothing of theirs outlives the process, or the next start clears it away (export_folder, on a tmpfs). */
const noDisk = new Set(
  [
    'client/client_link',
    'memory/export_folder',
    'memory/ready_bitmap',
    'memory/segment',
    'os/socket_io',
    'os/socket_listen',
    'server/server',
  ].map((name) => `native/${name}.cc`),
)

describe('the disk tier', () => {
  it('writes through disk_files.cc alone', () => {
    const breaches = sourceFiles(
      ['client', 'disk', 'formats', 'memory', 'os', 'server', 'wire'].map((room) => `native/${room}`),
      '.cc',
    )
      .filter((file) => file !== diskFiles && !noDisk.has(file))
      .flatMap((file) => linesWith(file, systemWrites))
    expect(breaches).toEqual([])
  })

  it('passes a point after every write there', () => {
    const bodies = readSource(diskFiles).split(/^}$/m)
    const unguarded = bodies
      .filter((body) => withoutComments(body).match(systemWrites) !== null)
      // Its caller passes the points between its two halves.
      .filter((body) => !body.includes('PassCrashPoint(') && !body.includes('Status WriteAll('))
    expect(unguarded).toEqual([])
  })
})

describe('state and secrets', () => {
  it('are written by level-state.ts and secret-file.ts alone', () => {
    const writes =
      /import \{[^}]*\b(writeFile|writeFileSync|rename|link|unlink|appendFile|copyFile|open)\b[^}]*\} from 'node:fs/
    // Besides them the scratch of conversions: a folder that every start removes.
    const writers = new Set(['node/system/secret-file.ts', 'node/state/level-state.ts', 'node/models/derived-forms.ts'])
    const breaches = sourceFiles([
      'node/state',
      'node/net',
      'node/cluster',
      'node/models',
      'node/transfer',
      'node/system',
    ])
      .filter((file) => !writers.has(file))
      .filter((file) => writes.test(readSource(file)))
    expect(breaches).toEqual([])
  })

  it.each(crashPoints)('passes %s somewhere', (point) => {
    const passed = ['node/system/secret-file.ts', 'node/state/level-state.ts'].some((file) =>
      readSource(file).includes(`passCrashPoint('${point}')`),
    )
    expect(passed).toBe(true)
  })
})

function linesWith(file: string, pattern: RegExp): string[] {
  return withoutComments(readSource(file))
    .split('\n')
    .flatMap((line) => (line.match(pattern) === null ? [] : [`${file}: ${line.trim()}`]))
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\/.*$/gm, '').replaceAll(/\/\*[\s\S]*?\*\//g, '')
}
