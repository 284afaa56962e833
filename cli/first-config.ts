/** The first configuration of a node, as YAML with comments: what a new box needs, and the options that people change first. */
import { stringify } from 'yaml'
import { formatBinaryBytes, type OptionKey, type OptionRow, optionTable } from '../node/config/index.ts'

export interface FirstConfig {
  readonly keyFile: string
  readonly tokenFile: string
  /** Address by which other boxes reach this one; null: this box alone. */
  readonly host: string | null
  readonly clusterPort: number
  readonly bulkPort: number
  readonly httpPort: number
  readonly originUrl: string | null
  readonly bootstrap: readonly string[]
  readonly dataPath: string | null
  readonly memoryLimitBytes: number
  readonly diskLimitBytes: number
}

/** A line that counts, or one that waits behind a `#`. */
type Line = readonly [key: OptionKey, value: unknown, isActive: boolean]

export function firstConfig(first: FirstConfig): string {
  const { host } = first
  const lines: Line[] = [
    ['origin.url', first.originUrl ?? 'file:///srv/models', first.originUrl !== null],
    ['node.dataDir', first.dataPath ?? '/var/lib/holdfast', first.dataPath !== null],
    ['node.name', 'box1', false],
    ['node.zone', 'rack1', false],
    ['memory.limitBytes', formatBinaryBytes(first.memoryLimitBytes), true],
    ['disk.limitBytes', formatBinaryBytes(first.diskLimitBytes), true],
    ['cluster.keyFile', first.keyFile, true],
    ['cluster.listen', [multiaddrOf(host ?? '192.0.2.7', first.clusterPort)], host !== null],
    ['cluster.bulkPort', first.bulkPort, host !== null],
    [
      'cluster.bootstrap',
      first.bootstrap.length > 0 ? first.bootstrap : [multiaddrOf('192.0.2.8', first.clusterPort)],
      first.bootstrap.length > 0,
    ],
    ['http.port', first.httpPort, true],
    ['http.host', '0.0.0.0', false],
    ['admin.tokenFile', first.tokenFile, true],
    ['runtime.workerCount', 2, false],
  ]
  const sections = [...new Set(lines.map(([key]) => sectionOf(key)))]
  const head =
    '# Options of a Holdfast node. Lines behind a # show what else there is; `holdfast config show` lists all of it,\n' +
    '# docs/reference/configuration.md explains it.\n'
  return (
    head +
    sections
      .map((section) =>
        sectionText(
          section,
          lines.filter(([key]) => sectionOf(key) === section),
        ),
      )
      .join('')
  )
}

export function multiaddrOf(host: string, port: number): string {
  return `/${host.includes(':') ? 'ip6' : /^[\d.]+$/.test(host) ? 'ip4' : 'dns'}/${host}/tcp/${port}`
}

function sectionText(section: string, lines: readonly Line[]): string {
  const hasActive = lines.some(([, , isActive]) => isActive)
  const body = lines.map(([key, value, isActive]) => {
    const row: OptionRow = optionTable[key]
    const yaml = stringify({ [key.slice(section.length + 1)]: value }, { collectionStyle: 'flow', lineWidth: 0 }).trim()
    // Flow style puts braces around the pair itself.
    const pair = yaml.replace(/^\{ ?/, '').replace(/ ?\}$/, '')
    return `  # ${row.description}\n  ${isActive ? '' : '# '}${pair}\n`
  })
  return `\n${hasActive ? '' : '# '}${section}:\n${body.join('')}`
}

function sectionOf(key: OptionKey): string {
  return key.slice(0, key.indexOf('.'))
}
