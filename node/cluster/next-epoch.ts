/**
 * The epoch of this start: higher than of every earlier one, also when the clock was set back or the state was lost. Wall-clock
 * seconds are far ahead of any count of restarts, so either source alone is enough to rise.
 */
import type { StateStore } from '../ports/index.ts'
import type { Clock } from '../system/index.ts'

const key = 'node/epoch'

export async function nextEpoch(state: StateStore, clock: Clock): Promise<number> {
  const stored = await state.get(key)
  const last = typeof stored === 'number' && Number.isSafeInteger(stored) ? stored : 0
  const epoch = Math.max(last + 1, Math.floor(clock.wallMs() / 1000))
  await state.put(key, epoch)
  return epoch
}
