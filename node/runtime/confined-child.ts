/** What the children of the runtime give up before they touch a model, as far as this kernel can take it from them. */
import { isHoldfastError } from '../../common/index.ts'
import type { ChildConfinement } from '../ports/index.ts'

export interface ConfineOptions {
  readonly isWanted: boolean
  /** It goes on to open sockets of this machine: a worker asks the store for weights. */
  readonly localSockets: boolean
}

export interface ConfinedChild {
  readonly confinement: ChildConfinement
  /** Private memory that the process may have beyond what it has, in bytes; 0 ends the limit. */
  readonly limitMemory: (moreBytes: number) => void
}

/**
 * The rest of it, in the child; the launcher has done what comes before the engine has threads. Never throws: a node whose kernel refuses
 * says so in its status, and runs models as before, and so does a checkout without the native part.
 */
export async function confineChild({ isWanted, localSockets }: ConfineOptions): Promise<ConfinedChild> {
  const { filterSystemCalls, limitPrivateMemory } = await import('../../native/index.ts')
  const { HOLDFAST_FILES_ABI: abi = '0', HOLDFAST_REFUSAL: refusal = null } = process.env
  const filesAbi = Number(abi)
  try {
    // Also a look whether there is a native part.
    limitPrivateMemory(0)
    const systemCalls = isWanted && filterSystemCalls(localSockets)
    const why = isWanted ? refusal : 'runtime.confined is off'
    return { confinement: { systemCalls, filesAbi, refusal: why }, limitMemory: limitPrivateMemory }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    const limitMemory = isHoldfastError(error, 'NATIVE_MISSING') ? () => {} : limitPrivateMemory
    return { confinement: { systemCalls: false, filesAbi, refusal: error.message }, limitMemory }
  }
}
