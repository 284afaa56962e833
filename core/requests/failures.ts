/** What can become of a request but an answer: which failures another node may do better with, and what a user is told. */
import { type ErrorCode, wholeMs } from '../../common/index.ts'
import type { RouteChoice } from '../../placement/index.ts'
import type { Failure } from '../failure.ts'
import type { Asked, AskedByUser } from './types.ts'

const codesOfRoom: ReadonlySet<ErrorCode> = new Set([
  'MEMORY_FULL',
  'DISK_FULL',
  'DISK_FAILED',
  'OVERLOADED',
  'QUOTA_QUEUED',
  'OUT_OF_DESCRIPTORS',
])
const codesOfRequest: ReadonlySet<ErrorCode> = new Set([
  'INFERENCE_FAILED',
  'ANSWER_TOO_LARGE',
  'BAD_REQUEST',
  'NOT_RUNNABLE',
  'MODEL_TOO_NEW',
  'UNSUPPORTED_OPERATOR',
  'UNSUPPORTED_TYPE',
  'BAD_MODEL_FILE',
])

/** This node cannot serve the request now; it is no fault of the request. Another node may have the room, or the disk. */
export function isOfRoom({ code }: Failure): boolean {
  return codesOfRoom.has(code)
}

/** Models in use now may be free in a moment. */
export function isOfFullTier({ code }: Failure): boolean {
  return code === 'MEMORY_FULL' || code === 'DISK_FULL'
}

/** Caused by the request: another node would say the same. */
export function isOfRequest({ code }: Failure): boolean {
  return codesOfRequest.has(code)
}

/** @param doing what the request did then, as in "waited for node-b to answer". */
export function deadlinePassed({ name, context }: Asked, doing: string): Failure {
  const deadlineMs = wholeMs(context.deadlineMs)
  const message = `The deadline of ${deadlineMs} ms passed while the request for ${name} ${doing}; allow more time.`
  return { code: 'DEADLINE_EXCEEDED', message, details: { deadlineMs } }
}

/** Nothing was begun. @param predictedMs of the best node. */
export function tooLateEverywhere({ name }: Asked, predictedMs: number, leftMs: number): Failure {
  const [predicted, left] = [wholeMs(predictedMs), wholeMs(leftMs)]
  const message = `An answer for ${name} is predicted after ${predicted} ms at best, and ${left} ms are left: nothing was begun; allow more time.`
  return { code: 'DEADLINE_UNREACHABLE', message, details: { predictedMs: predicted, deadlineMs: left } }
}

export function loadingTookTooLong({ name }: Asked, leftMs: number): Failure {
  const deadlineMs = wholeMs(leftMs)
  const message = `Loading ${name} did not end within ${deadlineMs} ms; it goes on in the background.`
  return { code: 'DEADLINE_EXCEEDED', message, details: { deadlineMs } }
}

export function notHeld({ name }: Asked, self: string, from: string): Failure {
  return { code: 'FORWARD_REFUSED', message: `${self} does not hold ${name} now.`, details: { from } }
}

/** No node may serve the request. */
export function unservable(
  { name, runBytes, cannotRun }: AskedByUser,
  { reason }: RouteChoice,
  node: { readonly memoryLimitBytes: number; readonly isStopping: boolean },
): Failure {
  if (reason === 'not-runnable-here') {
    if (cannotRun !== null) return cannotRun
    const { memoryLimitBytes: limitBytes } = node
    const details = { tier: 'memory', neededBytes: runBytes, limitBytes }
    const message = `running ${name} needs ${runBytes} bytes of memory, ${limitBytes} are allowed; raise memory.limitBytes.`
    return { code: 'TOO_LARGE', message, details }
  }
  if (node.isStopping) {
    const message = `this node is stopping and no other holds ${name}; ask another node.`
    return { code: 'SHUTTING_DOWN', message }
  }
  return {
    code: 'NO_SOURCE',
    message: `${name} is on no reachable node and there is no origin for it (${reason}).`,
  }
}
