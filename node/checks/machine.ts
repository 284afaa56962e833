/** Files, clock and socket path: what the machine says of itself, judged by pure functions. */
import { readFile } from 'node:fs/promises'
import { socketPathBytesMax } from '../system/index.ts'
import { fail, ok, type Patient, type Verdict, warn } from './types.ts'

/** A node needs a handful per client and per peer connection. */
const descriptorsMin = 1024
const descriptorsGood = 4096
/** No box with this program has a right clock before this. */
const earliestMs = Date.UTC(2026, 0, 1)

export async function checkDescriptors(): Promise<Verdict> {
  if (process.platform !== 'linux') return ok('this system does not say how many files may be open')
  return judgeDescriptors(await readFile('/proc/self/limits', 'utf8'))
}

/** `limits` is /proc/self/limits. */
export function judgeDescriptors(limits: string): Verdict {
  const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(limits) ?? []
  const softLimit = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  const action = `Raise the limit: \`ulimit -n\`, or LimitNOFILE= in the unit (the hard limit is ${hard}).`
  if (!(softLimit >= descriptorsMin)) return fail(`only ${soft} files may be open`, action)
  if (softLimit < descriptorsGood) return warn(`only ${soft} files may be open`, action)
  return ok(`${soft} files may be open`)
}

export function checkClock({ clock }: Patient): Verdict {
  return judgeClock(clock.wallMs())
}

/** Epochs of a node come from its clock, and so do the signatures of S3 and TLS. */
export function judgeClock(wallMs: number): Verdict {
  const now = new Date(wallMs).toISOString()
  if (wallMs >= earliestMs) return ok(`it is ${now}`)
  return fail(`the clock says ${now}`, 'Set it, best by NTP: `timedatectl set-ntp true`.')
}

export function checkSocket({ paths }: Patient): Verdict {
  return judgeSocketPath(paths.socketPath)
}

export function judgeSocketPath(path: string): Verdict {
  const lengthBytes = Buffer.byteLength(path)
  if (lengthBytes <= socketPathBytesMax) return ok(path)
  return fail(
    `${path} has ${lengthBytes} bytes, and the kernel takes ${socketPathBytesMax}`,
    'Set store.socketPath to a shorter one, such as /run/holdfast/store.sock.',
  )
}
