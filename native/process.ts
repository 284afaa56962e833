/** What the addon does for the process as a whole: words with the service manager, and the crash points of the disk tier. */
import { loadAddon, wrapSync } from './addon.ts'

/** One sd_notify datagram, `READY=1` say, to the socket that $NOTIFY_SOCKET names. SYSTEM when nobody listens there. */
export function notifyService(socketPath: string, text: string): void {
  wrapSync(() => loadAddon().notifyService(socketPath, text))
}

/**
 * The points between two writes of the disk tier at which HOLDFAST_CRASH_AT=<name>[:<n>] kills the process, for tests of what a
 * restart finds then.
 */
export function diskCrashPoints(): string[] {
  return loadAddon().crashPoints()
}
