/** What this kernel can take from the processes that convert and run models. */
import { isHoldfastError } from '../../common/index.ts'
import { type Confinement, kernelConfinement } from '../../native/index.ts'
import type { BoxPatient } from './types.ts'
import { ok, type Verdict, warn } from './types.ts'

export function checkConfinement({ options }: BoxPatient): Verdict {
  try {
    return judgeConfinement(kernelConfinement(), options['runtime.confined'])
  } catch (error) {
    if (isHoldfastError(error, 'NATIVE_MISSING')) return warn('the native part is missing', error.action)
    throw error
  }
}

/** From version 4 on of Landlock a process gives up TCP, from 6 on signals to others. */
export function judgeConfinement({ systemCalls, filesAbi }: Confinement, isWanted: boolean): Verdict {
  if (!isWanted)
    return warn(
      'models are converted and run with all rights of the node (runtime.confined: false)',
      'Remove runtime.confined from the configuration.',
    )
  const lacking = [
    ...(systemCalls ? [] : ['seccomp, which keeps them from the network and from other programs']),
    ...(filesAbi > 0 ? [] : ['Landlock, which keeps files read-only to them']),
  ]
  if (lacking.length === 0)
    return ok(`models are converted and run without network and with read-only files (seccomp, Landlock ${filesAbi})`)
  return warn(
    `this kernel lacks ${lacking.join(', and ')}`,
    'Run models of publishers whom you trust, or use a kernel of 5.13 or later with both switched on; a container may hide them.',
  )
}
