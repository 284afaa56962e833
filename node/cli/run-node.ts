/**
 * A daemon in this process. Logs go to stderr as JSON lines; when the node is up, one JSON line on stdout says where, so that a
 * supervisor or a test need not guess: {"event":"up","node":...,"http":...,"socket":...,"addresses":[...]}.
 */
import { pino } from 'pino'
import type { NodeOptions } from '../config/index.ts'
import { startDaemon } from '../daemon.ts'

export async function runNode(options: NodeOptions): Promise<void> {
  const level = options['log.level']
  const log = pino(
    { level, base: options['node.name'] === '' ? {} : { name: options['node.name'] } },
    pino.destination(2),
  )
  const signal = Promise.withResolvers<NodeJS.Signals>()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => signal.resolve(name))
  process.on('unhandledRejection', (error) => {
    log.error({ error: (error as Error)?.stack ?? String(error) }, 'unhandled rejection')
  })
  const daemon = await startDaemon(options, log)
  process.on('SIGHUP', () => void daemon.reload())
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
  // A second signal means it: the default action ends the process.
  await daemon.stop()
  log.info({}, 'stopped')
  // Everything of ours has ended; timers that libraries forgot would keep the process for another second.
  process.exit()
}
