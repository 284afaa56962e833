/** The kernel, as a pure function of what it says of itself. */
import { release } from 'node:os'
import { fail, ok, type Verdict } from './types.ts'

/** F_SEAL_FUTURE_WRITE came with it. */
const kernelMin = [5, 1] as const

export function checkKernel(): Verdict {
  return judgeKernel(process.platform, release())
}

export function judgeKernel(platform: string, kernelRelease: string): Verdict {
  if (platform !== 'linux') {
    return fail(`this is ${platform}`, 'Run the node on Linux; push, pull, ls and stat work here.')
  }
  const [major = 0, minor = 0] = kernelRelease.split('.').map(Number)
  const isEnough = major > kernelMin[0] || (major === kernelMin[0] && minor >= kernelMin[1])
  if (isEnough) return ok(`Linux ${kernelRelease} can seal shared memory against future writers`)
  return fail(
    `Linux ${kernelRelease} cannot seal shared memory against future writers`,
    'Upgrade to Linux 5.1 or later.',
  )
}
