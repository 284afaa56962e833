/**
 * Words with the service manager (systemd): that the node is ready, that it stops and how long that may take, and, when a
 * watchdog is set, that it lives. A daemon that hangs says nothing more and is started again.
 *
 * Without $NOTIFY_SOCKET everything here does nothing. A manager that does not listen costs a log line, never the node.
 */

import type { Clock, Log } from '../system/index.ts'

export interface ServiceManagerPorts {
  /** Sends one datagram; throws when nobody listens. */
  readonly notify: (socketPath: string, text: string) => void
  readonly isAlive: () => Promise<boolean>
  readonly clock: Clock
  readonly log: Log
}

/** What the manager put into the environment of this process. */
export interface ServiceEnvironment {
  readonly socketPath: string | null
  /** Null: no watchdog for this process. */
  readonly watchdogMs: number | null
}

/** Takes the variables out of `env`, so that worker processes do not speak for the daemon. */
export function takeServiceEnvironment(env: NodeJS.ProcessEnv, pid: number): ServiceEnvironment {
  const { NOTIFY_SOCKET: socketPath = '', WATCHDOG_USEC: watchdogUs = '', WATCHDOG_PID: watchdogPid = '' } = env
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
  const isForUs = watchdogPid === '' || watchdogPid === String(pid)
  const watchdogMs = Number(watchdogUs) / 1000
  return {
    socketPath: socketPath === '' ? null : socketPath,
    watchdogMs: isForUs && watchdogMs > 0 && Number.isFinite(watchdogMs) ? watchdogMs : null,
  }
}

export class ServiceManager {
  private readonly ports: ServiceManagerPorts
  private readonly environment: ServiceEnvironment
  private stopWatchdog: (() => void) | null = null
  private isChecking = false

  constructor(ports: ServiceManagerPorts, environment: ServiceEnvironment) {
    this.ports = ports
    this.environment = environment
  }

  ready(status: string): void {
    this.send(`READY=1\nSTATUS=${oneLine(status)}`)
    const { watchdogMs } = this.environment
    if (this.environment.socketPath === null || watchdogMs === null) return
    // Twice per period, so that one late timer is no restart.
    this.stopWatchdog = this.ports.clock.every(watchdogMs / 2, () => void this.feed())
  }

  status(text: string): void {
    this.send(`STATUS=${oneLine(text)}`)
  }

  /** `withinMs`: how long stopping may take; the manager waits at least that long before it kills. */
  stopping(status: string, withinMs: number): void {
    this.send(`STOPPING=1\nSTATUS=${oneLine(status)}\nEXTEND_TIMEOUT_USEC=${Math.ceil(withinMs * 1000)}`)
  }

  /** The last words were said: the process is about to end. */
  stop(): void {
    this.stopWatchdog?.()
    this.stopWatchdog = null
  }

  /** One check at a time: one that hangs is what the watchdog is for. */
  private async feed(): Promise<void> {
    if (this.isChecking) return
    this.isChecking = true
    try {
      if (await this.ports.isAlive()) this.send('WATCHDOG=1')
      else this.ports.log.error({}, 'the node does not pass its own check; the watchdog is not fed')
    } finally {
      this.isChecking = false
    }
  }

  private send(text: string): void {
    const { socketPath } = this.environment
    if (socketPath === null) return
    try {
      this.ports.notify(socketPath, text)
    } catch (error) {
      this.ports.log.warn({ error: (error as Error).message }, 'the service manager does not listen')
    }
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
