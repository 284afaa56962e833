/**
 * A daemon in this process. Logs go to stderr, as JSON lines or as text for people; when the node is up, one JSON line on stdout says where, so that a
 * supervisor or a test need not guess: {"event":"up","node":...,"http":...,"socket":...,"addresses":[...]}.
 */
import { pino } from 'pino'
import type { NodeOptions } from '../node/config/index.ts'
import { type Daemon, startDaemon } from '../node/main/index.ts'
import { type LogFormat, logStream } from './log-stream.ts'

const endingSignals = ['SIGTERM', 'SIGINT'] as const

export async function runNode(options: NodeOptions): Promise<void> {
  const level = options['log.level']
  const log = pino(
    {
      level,
      base: options['node.name'] === '' ? {} : { name: options['node.name'] },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    logStream(options['log.format'] as LogFormat),
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
  // A daemon outlives the reader of its output.
  process.stdout.removeAllListeners('error').on('error', () => {})
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
  const end = await Promise.race([signal.promise, daemon.failed])
  if (typeof end === 'string') log.info({ signal: end }, 'stopping')
  else {
    log.error({ code: end.code, error: end.message }, 'stopping')
    process.exitCode = 1
  }
  await daemon.stop()
  log.info({}, 'stopped')
  // Everything of ours has ended; timers that libraries forgot would keep the process for another second.
  process.exit()
}
