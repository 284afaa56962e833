/** The options that all commands to a running node share, and the client that they make. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { defaultConfigPath, isOwnMachine, NodeClient, readToken } from './node-client.ts'
import { jsonOption } from './origin-option.ts'

export interface NodeFlags {
  readonly url: string
  readonly tokenFile?: string
  readonly json?: boolean
}

const defaultUrl = 'http://127.0.0.1:8080'

export function urlOption(): Option {
  return new Option('--url <url>', 'HTTP address of the node').env('HOLDFAST_URL').default(defaultUrl).argParser(urlOf)
}

/** --url, --token-file, --json. */
export function addNodeOptions(command: Command): Command {
  return command
    .addOption(urlOption())
    .addOption(
      new Option(
        '--token-file <file>',
        'file with the admin token, where the node asks for one (on this machine also found where `holdfast init` puts it)',
      ).env('HOLDFAST_TOKEN_FILE'),
    )
    .addOption(jsonOption())
}

export function clientOf(flags: NodeFlags): NodeClient {
  return new NodeClient({ url: flags.url, token: tokenOf(flags) })
}

/** memory or disk. */
export function tierOption(): Option {
  return new Option('--tier <tier>', 'memory: ready to serve; disk: fetched, no memory taken')
    .choices(['memory', 'disk'])
    .default('memory')
}

function tokenOf(flags: NodeFlags): string | null {
  if (flags.tokenFile !== undefined) return readToken(flags.tokenFile)
  const usual = join(defaultConfigPath(), 'admin.token')
  return isOwnMachine(flags.url) && existsSync(usual) ? readToken(usual) : null
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return text
  throw new InvalidArgumentError('It has to be like http://127.0.0.1:8080.')
}
