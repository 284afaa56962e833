/** `holdfast doctor`: can this box run a node with this configuration, and what is to be done if not. */
import { Command } from 'commander'
import { paint } from '../../node/system/index.ts'
import { jsonOption } from '../origin-option.ts'
import { printJson, printRows } from '../print.ts'
import { configOption } from './config.ts'

interface DoctorFlags {
  readonly config?: string
  readonly json?: boolean
}

/** As each check ends, for people; in a pipe a row with its action. */
const marks = {
  ok: { mark: 'ok  ', style: 'green' },
  warn: { mark: 'warn', style: 'yellow' },
  fail: { mark: 'FAIL', style: 'red' },
} as const

const help = `
Looks at the kernel, the native part, memory, disk, ports, clock, origin and peers, with the configuration of the file and the
environment. Tries things out where that tells more than asking, and leaves nothing behind. Exit code 1 when something fails.

Examples:
  $ holdfast doctor
  $ holdfast doctor --config node.yaml --json | jq -r '.checks[] | select(.status != "ok") | .action'`

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check this box and say what to do')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(runDoctor)
}

async function runDoctor(flags: DoctorFlags): Promise<void> {
  const { readConfig } = await import('../check-config.ts')
  const { examine } = await import('../doctor/index.ts')
  const findings = await examine(readConfig(flags.config).options, ({ id, status, message, action }) => {
    if (flags.json) return
    const advice = status === 'ok' ? null : action
    if (process.stdout.isTTY !== true) return printRows([], [[status, id, message, advice]])
    const { mark, style } = marks[status]
    console.log(`${paint(mark, style, process.stdout)}  ${id.padEnd(9)} ${message}`)
    if (advice !== null) console.log(`${' '.repeat(16)}-> ${advice}`)
  })
  if (findings.some(({ status }) => status === 'fail')) process.exitCode = 1
  if (flags.json) printJson({ healthy: process.exitCode !== 1, checks: findings })
}
