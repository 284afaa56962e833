// docs/reference/commands.md, from the commands themselves: their help is the only place where they are explained. A test holds the two
// equal, and another one runs the examples.
import type { Command } from 'commander'
import { createProgram } from '../../cli/index.ts'
import { optionKeys } from '../../node/config/index.ts'

/** Examples that no test runs, with the reason, which the test prints. */
const notRun: Readonly<Record<string, string>> = {
  'holdfast demo --model ./my-model.onnx': 'generates models of hundreds of megabytes and runs until it is stopped',
  'holdfast bench smoke --json | jq .results': 'takes minutes; test/bench runs it with --tiny',
  'holdfast tag --rollback acme/resnet50:stable --origin file:///srv/models': 'the tag meant nothing else before',
  'holdfast pull sha256:9f86d0... --origin file:///srv/models': 'the digest is shortened',
  'holdfast node --origin-url file:///srv/models --memory-limit-bytes 8GiB': 'a node runs here already',
  'holdfast adopt s3://weights/llama acme/llama:v1 --origin s3://weights/holdfast': 'it takes a bucket',
  'holdfast sim sweep scenario.yaml --memory 4GB,8GB --policies lru,holdfast --nodes 12,24 --seeds 5':
    'forty runs take minutes',
  "holdfast sim capacity scenario.yaml --target 'hitPercent>=80' --requests requests.csv --seeds 3":
    'the trace is yours',
  'holdfast node --config ~/.config/holdfast/node.yaml':
    'a node runs here already; docs/guide/operations.md starts one so',
}

const head = `<!-- world: node -->
# Commands

\`holdfast COMMAND --help\` shows what stands here. Exit codes are the same for all commands:

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed, also when something was not found: the message on stderr says what to do and ends with a code of [errors.md](errors.md) |
| 2 | wrong usage (\`BAD_USAGE\`): an unknown command or option, a missing argument |

Results go to stdout, progress and errors to stderr. On a terminal, results are tables and progress is a line that is redrawn; in a
pipe, results are one line per row with tabs between the cells, and progress is a plain line now and then. With \`--json\`, stdout is
one JSON value and nothing else. Colours are for terminals; \`NO_COLOR\` takes them away, \`FORCE_COLOR\` asks for them anywhere.

With \`--json\`, a failure is one JSON value on stdout too, \`{"error": {"code", "message", "action", "details", "near"}}\`, whatever the exit
code, and the message for people is on stderr all the same. \`near\` has names that were probably meant. A command that has done its work and
found something wrong (\`doctor\`, \`verify\`, \`invalidate\`, \`push --all\`, a simulation with findings) prints its result, and exits with 1.

Commands to a running node take \`--url\` (or \`$HOLDFAST_URL\`; \`http://127.0.0.1:8080\` by default) and, for changes, \`--token-file\` (or
\`$HOLDFAST_TOKEN_FILE\`) with the admin token, where the node has one. Commands to an origin take \`--origin\` (or \`$HOLDFAST_ORIGIN\`).

This page is written from the commands by \`npm run docs\`.
`

export async function commandsDocument(): Promise<string> {
  const { commands } = await createProgram()
  const groups = [...new Set(commands.map((command) => command.helpGroup()))]
  const sections = groups.map((group) => {
    const own = commands.filter((command) => command.helpGroup() === group)
    return `\n## ${group.replace(/:$/, '')}\n${own.map((command) => section(command, 'holdfast')).join('')}`
  })
  return `${head}${sections.join('')}`
}

function section(command: Command, parent: string): string {
  const path = `${parent} ${command.name()}`
  const { prose, examples } = helpOf(command)
  const parts = [`### ${path}`, `${sentence(command.description())}`]
  if (command.commands.length === 0) parts.push(`\`${path} ${usageOf(command)}\``)
  if (prose !== '') parts.push(prose)
  const options = optionsOf(command)
  if (options !== '') parts.push(options)
  for (const example of examples) {
    const reason = notRun[example]
    parts.push(`${reason === undefined ? '' : `<!-- not run: ${reason} -->\n`}\`\`\`sh\n${example}\n\`\`\``)
  }
  return `\n${parts.join('\n\n')}\n${command.commands.map((inner) => section(inner, path)).join('')}`
}

/** The text that addHelpText put after the options: prose, then `Example:` and lines that start with `$`. */
function helpOf(command: Command): { prose: string; examples: string[] } {
  const lines = helpAfterOptions(command).split('\n')
  const at = lines.findIndex((line) => /^Examples?:$/.test(line))
  const prose = (at < 0 ? lines : lines.slice(0, at)).join('\n').trim()
  const examples = at < 0 ? [] : lines.slice(at + 1).flatMap((line) => line.match(/^ +\$ (.*)$/)?.[1] ?? [])
  return { prose, examples }
}

/** Commander keeps what addHelpText was given as listeners of an event, and has no other way to it. */
export function helpAfterOptions(command: Command): string {
  const text: string[] = []
  const emitter = command as unknown as NodeJS.EventEmitter
  emitter.emit('afterHelp', { command, error: false, write: (part: string) => text.push(part) })
  return text.join('')
}

function usageOf(command: Command): string {
  return command.usage().replace('[options] ', '').replace('[options]', '').trim().concat(' [options]').trim()
}

/** `node` has an option per row of the configuration, which has a page of its own. */
function optionsOf(command: Command): string {
  const help = command.createHelp()
  const options = help.visibleOptions(command).filter(({ long }) => long !== '--help')
  const own = command.name() === 'node' ? options.slice(0, options.length - optionKeys.length) : options
  if (own.length === 0) return ''
  const rows = own.map(
    (option) =>
      `| \`${option.flags.replaceAll('|', '\\|')}\` | ${help.optionDescription(option).replaceAll('|', '\\|')} |`,
  )
  const rest = own.length < options.length ? '\n\nFurther options: [configuration.md](configuration.md).' : ''
  return `| option | meaning |\n|---|---|\n${rows.join('\n')}${rest}`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
