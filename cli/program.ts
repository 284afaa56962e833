/** Every command, in the groups in which `holdfast --help` shows them. A command loads what it needs when it runs. */
import { Command } from 'commander'
import { version } from '../node/system/index.ts'
import { adoptCommand } from './commands/adopt.ts'
import { banCommand, unbanCommand } from './commands/ban.ts'
import { benchCommand } from './commands/bench.ts'
import { configCommand } from './commands/config.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { evictCommand } from './commands/evict.ts'
import { gcCommand } from './commands/gc.ts'
import { initCommand } from './commands/init.ts'
import { invalidateCommand } from './commands/invalidate.ts'
import { lsCommand } from './commands/ls.ts'
import { nodeCommand } from './commands/node.ts'
import { openCommand } from './commands/open.ts'
import { peersCommand } from './commands/peers.ts'
import { pinCommand, unpinCommand } from './commands/pin.ts'
import { planCommand } from './commands/plan.ts'
import { prefetchCommand } from './commands/prefetch.ts'
import { pullCommand } from './commands/pull.ts'
import { pushCommand } from './commands/push.ts'
import { rmCommand } from './commands/rm.ts'
import { routeCommand } from './commands/route.ts'
import { simCommand } from './commands/sim.ts'
import { statCommand } from './commands/stat.ts'
import { statusCommand } from './commands/status.ts'
import { verifyCommand } from './commands/verify.ts'

const groups: readonly (readonly [heading: string, commands: readonly (() => Command)[]])[] = [
  ['Start here:', [demoCommand, initCommand, doctorCommand, configCommand, nodeCommand]],
  [
    'Models of an origin:',
    [pushCommand, adoptCommand, pullCommand, lsCommand, statCommand, verifyCommand, rmCommand, gcCommand],
  ],
  [
    'Models of a running node:',
    [prefetchCommand, pinCommand, unpinCommand, evictCommand, invalidateCommand, openCommand],
  ],
  [
    'A running node and its cluster:',
    [statusCommand, peersCommand, routeCommand, planCommand, banCommand, unbanCommand],
  ],
  ['Measure and plan:', [benchCommand, simCommand]],
]

export function createProgram(): Command {
  const program = new Command('holdfast')
    .description(
      'A CDN for model weights: push once to an origin, pull from the nearest peer, share one copy per machine.',
    )
    .version(version)
    .showHelpAfterError('(holdfast COMMAND --help explains a command)')
    .addHelpText('after', '\nExit codes: 0 done, 1 failed (the message says what to do), 2 wrong usage.\n')
  for (const [heading, commands] of groups) {
    for (const create of commands) program.addCommand(create().helpGroup(heading))
  }
  throwInsteadOfExit(program)
  return program
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride()
  for (const inner of command.commands) throwInsteadOfExit(inner)
}
