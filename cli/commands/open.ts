/** `holdfast open`: maps a model from the store of this machine, as a program would. */
import { Command } from 'commander'
import { formatBytes } from '../../common/index.ts'
import { urlOption } from '../node-option.ts'
import { jsonOption } from '../origin-option.ts'
import { formatMs, printJson, printRows } from '../print.ts'
import { printModelPaths, readModelPaths } from './open-paths.ts'

interface OpenFlags {
  readonly socket?: string
  readonly deadlineMs?: number
  readonly hold?: boolean
  readonly printPath?: boolean
  readonly url: string
  readonly json?: boolean
}

const help = `
Opens the model through the socket of the node of this machine, without HTTP and without copying; waits while it is fetched.
With --hold the lease stays until Ctrl-C, so that the model is not evicted meanwhile.
With --print-path it asks the node over HTTP where the files are, and prints a path per line, for programs that take paths: in the
folder of memory.export, or else in the disk tier.

Examples:
  $ holdfast open acme/llama:v1
  $ holdfast open acme/llama:v1 --hold
  $ holdfast open acme/llama:v1 --print-path --hold`

export function openCommand(): Command {
  return new Command('open')
    .description("map a model from this machine's store and show its files")
    .argument('<name>', 'namespace/name[:tag] or sha256:<digest>')
    .option('--socket <path>', 'socket of the node (default: $HOLDFAST_SOCKET, else where a node puts it)')
    .option('--deadline-ms <number>', 'give up after so long', Number)
    .option('--hold', 'keep the model open until Ctrl-C')
    .option('--print-path', 'print where the files are, for programs that take a path')
    .addOption(urlOption())
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(runOpen)
}

async function runOpen(name: string, flags: OpenFlags): Promise<void> {
  const { open } = await import('../../clients/node/index.ts')
  const startedMs = performance.now()
  using model = await open(name, {
    ...(flags.socket === undefined ? {} : { socketPath: flags.socket }),
    ...(flags.deadlineMs === undefined ? {} : { deadlineMs: flags.deadlineMs }),
  })
  const elapsedMs = performance.now() - startedMs
  const files = model.files.map(({ path, sizeBytes, sha256 }) => ({ path, sizeBytes, sha256 }))
  const paths = flags.printPath ? await readModelPaths(flags.url, model.digest) : null
  if (flags.json) printJson({ name, model: model.digest, elapsedMs, files, ...(paths === null ? {} : { paths }) })
  else if (paths !== null) printModelPaths(paths, { isHeld: flags.hold === true })
  else {
    const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    console.log(`${name} is sha256:${model.digest}: ${formatBytes(totalBytes)} mapped in ${formatMs(elapsedMs)}`)
    printRows(
      ['FILE', 'SIZE', 'SHA256'],
      files.map(({ path, sizeBytes, sha256 }) => [path, formatBytes(sizeBytes), sha256]),
    )
  }
  if (flags.hold) await untilSignal()
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}
