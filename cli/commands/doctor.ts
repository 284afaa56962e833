/** `holdfast doctor`: can this box run a node with this configuration, and what is to be done if not. */
import { Command } from 'commander'
import { jsonOption } from '../origin-option.ts'
import { printJson } from '../print.ts'
import { configOption } from './config.ts'

interface DoctorFlags {
  readonly config?: string
  readonly json?: boolean
}

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
  const marks = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' }
  const findings = await examine(readConfig(flags.config).options, ({ id, status, message, action }) => {
    if (flags.json) return
    console.log(`${marks[status]}  ${id.padEnd(9)} ${message}`)
    if (status !== 'ok' && action !== null) console.log(`${' '.repeat(16)}-> ${action}`)
  })
  if (findings.some(({ status }) => status === 'fail')) process.exitCode = 1
  if (flags.json) printJson({ healthy: process.exitCode !== 1, checks: findings })
}
