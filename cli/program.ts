/**
 * Every command, in the groups in which `holdfast --help` shows them. The file of a command is loaded when the command line names it, and
 * a command loads what it needs when it runs: a script that calls `holdfast ls` often does not pay for the simulator.
 */
import { Command } from 'commander'
import { version } from '../node/system/index.ts'

type LoadCommand = () => Promise<Command>

const groups: Readonly<Record<string, Readonly<Record<string, LoadCommand>>>> = {
  'Start here:': {
    demo: async () => (await import('./commands/demo.ts')).demoCommand(),
    init: async () => (await import('./commands/init.ts')).initCommand(),
    doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
    config: async () => (await import('./commands/config.ts')).configCommand(),
    node: async () => (await import('./commands/node.ts')).nodeCommand(),
  },
  'Models of an origin:': {
    push: async () => (await import('./commands/push.ts')).pushCommand(),
    adopt: async () => (await import('./commands/adopt.ts')).adoptCommand(),
    pull: async () => (await import('./commands/pull.ts')).pullCommand(),
    ls: async () => (await import('./commands/ls.ts')).lsCommand(),
    stat: async () => (await import('./commands/stat.ts')).statCommand(),
    verify: async () => (await import('./commands/verify.ts')).verifyCommand(),
    tag: async () => (await import('./commands/tag.ts')).tagCommand(),
    rm: async () => (await import('./commands/rm.ts')).rmCommand(),
    gc: async () => (await import('./commands/gc.ts')).gcCommand(),
  },
  'Models of a running node:': {
    prefetch: async () => (await import('./commands/prefetch.ts')).prefetchCommand(),
    pin: async () => (await import('./commands/pin.ts')).pinCommand(),
    unpin: async () => (await import('./commands/pin.ts')).unpinCommand(),
    evict: async () => (await import('./commands/evict.ts')).evictCommand(),
    invalidate: async () => (await import('./commands/invalidate.ts')).invalidateCommand(),
    open: async () => (await import('./commands/open.ts')).openCommand(),
  },
  'A running node and its cluster:': {
    status: async () => (await import('./commands/status.ts')).statusCommand(),
    peers: async () => (await import('./commands/peers.ts')).peersCommand(),
    fetches: async () => (await import('./commands/fetches.ts')).fetchesCommand(),
    predict: async () => (await import('./commands/predict.ts')).predictCommand(),
    route: async () => (await import('./commands/route.ts')).routeCommand(),
    plan: async () => (await import('./commands/plan.ts')).planCommand(),
    ban: async () => (await import('./commands/ban.ts')).banCommand(),
    unban: async () => (await import('./commands/ban.ts')).unbanCommand(),
  },
  'Tenants of a cluster:': {
    tenant: async () => (await import('./commands/tenant.ts')).tenantCommand(),
  },
  'Measure and plan:': {
    bench: async () => (await import('./commands/bench.ts')).benchCommand(),
    sim: async () => (await import('./commands/sim.ts')).simCommand(),
  },
}

const versionFlags: readonly string[] = ['-V', '--version']

/** The program with all commands; with the first word of a command line, with no more of them than that word needs. */
export async function createProgram(firstWord?: string): Promise<Command> {
  const program = new Command('holdfast')
    .description(
      'A CDN for model weights: push once to an origin, pull from the nearest peer, share one copy per machine.',
    )
    .version(version)
    .showHelpAfterError('(holdfast COMMAND --help explains a command)')
    .addHelpText('after', '\nExit codes: 0 done, 1 failed (the message says what to do), 2 wrong usage.\n')
  const commands = Object.entries(groups).flatMap(([heading, loads]) =>
    Object.entries(loads).map(([name, load]) => ({ heading, name, load })),
  )
  const isNamed = commands.some(({ name }) => name === firstWord)
  const isVersion = firstWord !== undefined && versionFlags.includes(firstWord)
  const needed = isVersion ? [] : commands.filter(({ name }) => !isNamed || name === firstWord)
  for (const { heading, load } of needed) program.addCommand((await load()).helpGroup(heading))
  throwInsteadOfExit(program)
  return program
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride()
  for (const inner of command.commands) throwInsteadOfExit(inner)
}
