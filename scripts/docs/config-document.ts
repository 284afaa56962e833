// docs/reference/configuration.md, from the table of options. A test holds the two equal.
import {
  environmentNameOf,
  flagNameOf,
  formatOptionValue,
  type OptionRow,
  optionKeys,
  optionTable,
} from '../../node/config/index.ts'

const head = `# Configuration

A node reads its options from four places; a later one wins:

1. the defaults below;
2. a YAML file: \`holdfast node --config node.yaml\`, or \`$HOLDFAST_CONFIG\`;
3. the environment: \`memory.limitBytes\` is \`HOLDFAST_MEMORY_LIMIT_BYTES\`;
4. flags: \`--memory-limit-bytes 8GiB\`.

In the file, keys may be nested or written with dots. A key, variable or flag that does not exist is an error that names the
nearest one: a misspelt limit must not silently be no limit. Sizes are numbers of bytes or texts such as \`512MiB\`, \`4GiB\` or
\`64GB\`; lists are YAML lists, or texts with commas.

\`\`\`yaml
memory:
  limitBytes: 8GiB
disk.limitBytes: 200GB
cluster:
  listen: [/ip4/192.0.2.7/tcp/4001]
\`\`\`

\`holdfast init\` writes a first file. These show what a node would use, and check it:

\`\`\`sh
holdfast config show
holdfast config validate --config node.yaml
holdfast doctor --config node.yaml
\`\`\`

A node that other machines can reach, by \`http.host\`, \`cluster.listen\` or \`cluster.bulkHost\`, does not start without a cluster key
and an admin token. Files with secrets are read again when they change and on SIGHUP; everything else takes a restart.

This page is written from the table in \`node/config/options.ts\` by \`npm run docs\`.
`

export function configDocument(): string {
  const sections = [...new Set(optionKeys.map((key) => key.slice(0, key.indexOf('.'))))]
  const tables = sections.map((section) => {
    const rows = optionKeys.filter((key) => key.startsWith(`${section}.`)).map((key) => rowOf(key))
    return `\n## ${section}\n\n| option | default | meaning |\n|---|---|---|\n${rows.join('\n')}\n`
  })
  const names = optionKeys.map((key) => `| \`${key}\` | \`${environmentNameOf(key)}\` | \`${flagNameOf(key)}\` |`)
  return `${head}${tables.join('')}\n## Names\n\n| option | environment | flag |\n|---|---|---|\n${names.join('\n')}\n`
}

function rowOf(key: (typeof optionKeys)[number]): string {
  const row: OptionRow = optionTable[key]
  const shown = formatOptionValue(row.defaultValue, row.type)
  const range = row.type === 'integer' ? ` ${row.minimum} to ${row.maximum}.` : ''
  const choices = row.choices === undefined ? '' : ` One of ${row.choices.map((choice) => `\`${choice}\``).join(', ')}.`
  return `| \`${key}\` | ${shown === '-' ? 'none' : `\`${shown}\``} | ${row.description}${range}${choices} |`
}
