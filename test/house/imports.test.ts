/** Who may import whom: the table of ARCHITECTURE.md, checked. A wall that is only drawn does not stand. */
import { describe, expect, it } from 'vitest'
import { importsOf, sourceFiles } from '../support/source-files.ts'

interface Rule {
  readonly folder: string
  /** Prefixes of own paths. */
  readonly own: readonly string[]
  /** Packages and `node:` modules; '*' allows any. */
  readonly packages: readonly string[]
}

const shared = [
  'node/system/crash-point.ts',
  'node/system/make-folder.ts',
  'common/deadline.ts',
  'node/system/log.ts',
  'node/ports/index.ts',
  'common/protocol-version.ts',
  'node/system/secret-file.ts',
  'node/system/clock.ts',
  'node/system/version.ts',
]

const table: readonly Rule[] = [
  { folder: 'placement', own: ['placement/'], packages: [] },
  { folder: 'origin', own: ['origin/', 'placement/'], packages: ['node:', '@aws-sdk/'] },
  { folder: 'native', own: ['native/', 'placement/'], packages: ['node:'] },
  { folder: 'node/core', own: ['node/core/', 'placement/', 'origin/types.ts'], packages: [] },
  { folder: 'sim', own: ['sim/', 'node/core/', 'placement/', 'origin/types.ts'], packages: [] },
  { folder: 'node/client', own: ['native/', 'placement/'], packages: ['node:'] },
  {
    folder: 'node/trace',
    own: ['node/trace/', 'placement/', 'sim/traces/trace.ts', 'sim/traces/workload.ts'],
    packages: ['node:'],
  },
  { folder: 'node/config', own: ['node/config/', 'placement/'], packages: ['node:', 'yaml'] },
  { folder: 'node/net', own: ['node/net/', 'node/core/', 'placement/', ...shared], packages: ['*'] },
  { folder: 'node/state', own: ['node/state/', 'placement/', ...shared], packages: ['node:', 'level'] },
  {
    folder: 'node/runtime',
    own: ['node/runtime/', 'native/', 'origin/types.ts', 'placement/', ...shared],
    packages: ['node:', 'onnxruntime-node'],
  },
  {
    folder: 'node/cluster',
    own: ['node/cluster/', 'node/core/', 'node/net/', 'placement/', ...shared],
    packages: ['node:'],
  },
  {
    folder: 'node/cache',
    own: ['node/cache/', 'node/cluster/', 'node/core/', 'native/types.ts', 'origin/', 'placement/', ...shared],
    packages: ['node:'],
  },
  {
    folder: 'node/life',
    own: [
      'node/life/',
      'node/cache/',
      'node/cluster/',
      'node/core/',
      'node/net/cbor.ts',
      'native/types.ts',
      'origin/',
      'placement/',
      ...shared,
    ],
    packages: [],
  },
  {
    folder: 'node/serving',
    own: [
      'node/serving/',
      'node/cache/',
      'node/cluster/',
      'node/core/',
      'node/net/cbor.ts',
      'origin/',
      'placement/',
      ...shared,
    ],
    packages: ['node:'],
  },
  {
    folder: 'node/placement',
    own: [
      'node/placement/',
      'node/cache/',
      'node/cluster/',
      'node/core/',
      'native/types.ts',
      'origin/',
      'placement/',
      ...shared,
    ],
    packages: [],
  },
  {
    folder: 'node/admin',
    own: [
      'node/admin/',
      'node/placement/',
      'node/cache/',
      'node/cluster/',
      'node/core/',
      'node/admin/node-views.ts',
      'native/types.ts',
      'origin/',
      'placement/',
      ...shared,
    ],
    packages: ['node:'],
  },
  {
    folder: 'node/http',
    own: [
      'node/http/',
      'node/admin/',
      'node/config/listening.ts',
      'node/serving/',
      'node/cache/',
      'node/runtime/index.ts',
      'origin/',
      'placement/',
      ...shared,
    ],
    packages: ['node:', 'fastify', 'prom-client'],
  },
]

describe.each(table)('$folder', ({ folder, own, packages }) => {
  it('imports only what its row of the table allows', () => {
    const files = sourceFiles([folder])
    const breaches = files.flatMap((file) =>
      importsOf(file)
        .filter(
          (target) => ![...own, ...packages].some((prefix) => target.startsWith(prefix)) && !packages.includes('*'),
        )
        .map((target) => `${file} imports ${target}`),
    )
    expect(files.length).toBeGreaterThan(0)
    expect(breaches).toEqual([])
  })
})

describe('the daemon', () => {
  const importersOf = (prefix: string) =>
    sourceFiles(['node', 'origin', 'native', 'placement', 'sim']).filter((file) =>
      importsOf(file).some((target) => target.startsWith(prefix)),
    )

  it('is imported by the command line only', () => {
    expect(importersOf('node/main/daemon.ts')).toEqual(['cli/run-node.ts'])
  })

  it('alone uses what node/compose makes', () => {
    const strangers = importersOf('node/compose/').filter((file) => !file.startsWith('node/compose/'))
    expect(strangers).toEqual(['node/main/daemon.ts'])
  })
})
