/**
 * A daemon in this process. Logs go to stderr as JSON lines; when the node is up, one JSON line on stdout says where, so that a
 * supervisor or a test need not guess: {"event":"up","node":...,"http":...,"socket":...,"addresses":[...]}.
 */
import { pino } from 'pino'
import type { NodeOptions } from '../node/config/index.ts'
import { type Daemon, startDaemon } from '../node/main/index.ts'

const endingSignals = ['SIGTERM', 'SIGINT'] as const

export async function runNode(options: NodeOptions): Promise<void> {
  const level = options['log.level']
  const log = pino(
    { level, base: options['node.name'] === '' ? {} : { name: options['node.name'] } },
    pino.destination(2),
  )
  const signal = Promise.withResolvers<NodeJS.Signals>()
  const onSignal = (name: NodeJS.Signals) => {
    // A second one of either kind means it: without a listener the default action ends the process.
    for (const one of endingSignals) process.off(one, onSignal)
    signal.resolve(name)
  }
  for (const name of endingSignals) process.on(name, onSignal)
  process.on('unhandledRejection', (error) => {
    log.error({ error: (error as Error)?.stack ?? String(error) }, 'unhandled rejection')
  })
  // From the beginning: the default action would end a node that is still starting, with secrets that it has just read.
  let daemon: Daemon | null = null
  process.on('SIGHUP', () => void daemon?.reload())
  daemon = await startDaemon(options, log)
  process.stdout.write(
    `${JSON.stringify({
      event: 'up',
      node: daemon.nodeId,
      http: daemon.httpUrl,
      socket: daemon.socketPath,
      addresses: daemon.addresses,
      bulk: daemon.bulkAddress,
    })}\n`,
  )
  log.info({ signal: await signal.promise }, 'stopping')
  await daemon.stop()
  log.info({}, 'stopped')
  // Everything of ours has ended; timers that libraries forgot would keep the process for another second.
  process.exit()
}
