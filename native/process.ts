/**
 * What the addon does for the process as a whole: words with the service manager, the crash points of the disk tier, and what a child
 * process gives up.
 */
import { loadAddon, wrapSync } from './addon.ts'
import type { Confinement } from './types.ts'

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

/** What a process could give up on this kernel. */
export function kernelConfinement(): Confinement {
  return wrapSync(() => loadAddon().kernelConfinement())
}

/**
 * For good, in all threads of this process: no network, and sockets of this machine only where they are wanted; no programs, nothing done to
 * other processes. False where the kernel has no filters. SYSTEM when it refuses.
 */
export function filterSystemCalls(localSockets: boolean): boolean {
  return wrapSync(() => loadAddon().filterSystemCalls(localSockets))
}

/** Private memory that this process may have beyond what it has now, without what it maps of others; 0 ends the limit. */
export function limitPrivateMemory(moreBytes: number): void {
  wrapSync(() => loadAddon().limitPrivateMemory(moreBytes))
}
