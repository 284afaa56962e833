/** `holdfast init`: cluster key, admin token and first configuration of a box in one step. */
import { Command, InvalidArgumentError } from 'commander'
import type { InitFlags } from '../init-node.ts'
import { printJson } from '../print.ts'

const help = `
Makes cluster.key and admin.token (readable by you alone) and node.yaml, and says what to run next, here and on a second box.
Overwrites nothing. Other boxes reach this one by --host: the address of its network is taken, or say 127.0.0.1 to stay alone.

Examples:
  $ holdfast init --origin file:///srv/models
  $ holdfast init --new-identity --data-dir /var/lib/holdfast
  $ holdfast init --dir /etc/holdfast --cluster-key-file ./cluster.key --join /ip4/192.0.2.7/tcp/4001`

export function initCommand(): Command {
  return new Command('init')
    .description('make the keys and the first configuration of a node')
    .option('--dir <folder>', 'where to put them (default: ~/.config/holdfast)')
    .option('--origin <url>', 'origin that models are pulled from')
    .option('--host <address>', 'address by which other boxes reach this one; 127.0.0.1: none does')
    .option('--join <address...>', 'libp2p address of a node of the cluster to join')
    .option('--cluster-key-file <file>', 'key of the cluster to join, copied from a box of it')
    .option('--new-identity', 'give a copied data folder an identity of its own, and make nothing else')
    .option('--data-dir <folder>', "where the node keeps its models (default: the node's default)")
    .option('--cluster-port <number>', 'port on which nodes meet', portOf, 4001)
    .option('--bulk-port <number>', 'port over which weights move', portOf, 4002)
    .option('--http-port <number>', 'port of the HTTP interface', portOf, 8080)
    .option('--json', 'print one JSON value on stdout')
    .addHelpText('after', help)
    .action(async (flags: InitFlags) => {
      if (flags.newIdentity) {
        const { makeNewIdentity } = await import('../new-identity.ts')
        const renewed = await makeNewIdentity(flags.dataDir ?? '')
        if (flags.json) return printJson(renewed)
        return console.log(`${renewed.dataPath} belongs to ${renewed.node} from now on. Its models are kept.`)
      }
      const { initNode } = await import('../init-node.ts')
      const made = await initNode(flags)
      if (flags.json) return printJson(made)
      console.log(`Made in ${made.folder}:`)
      for (const { name, what } of made.files) console.log(`  ${name.padEnd(12)} ${what}`)
      console.log(`\nStart the node here:\n  ${made.startHere}`)
      console.log(
        `\n${made.secondBoxNote}\n  ${made.startThere}\n\n\`holdfast doctor --config ${made.configPath}\` checks this box first.`,
      )
    })
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new InvalidArgumentError('It has to be a port, 0 to 65535.')
}
