/**
 * The moments at which a daemon may die between two writes of its state and key files, by name, so that a test can let it die at
 * each. HOLDFAST_CRASH_AT=<name>[:<n>] kills the process with SIGKILL when it passes that point for the n-th time; the disk tier
 * has points of its own (native/os/crash_points.h) behind the same variable. Read once; unset, a point costs one
 * comparison.
 */

/** Named after what has just happened, or is about to. */
export const crashPoints = [
  'state.write-asked',
  'state.written',
  'secret.made',
  'secret.half-written',
  'secret.synced',
  'secret.linked',
  'secret.tidied',
] as const

export type CrashPoint = (typeof crashPoints)[number]

const [wantedPoint, count] = (process.env.HOLDFAST_CRASH_AT ?? '').split(':')
let passingsLeft = Number(count ?? 1)

/** Does not return when this is the passing that HOLDFAST_CRASH_AT names. */
export function passCrashPoint(point: CrashPoint): void {
  if (point !== wantedPoint) return
  passingsLeft -= 1
  if (passingsLeft === 0) process.kill(process.pid, 'SIGKILL')
}
