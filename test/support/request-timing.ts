/** Measures requests, and tells nobody. */
import type { Clock } from '../../common/clock.ts'
import { RequestTiming } from '../../node/requests/request-timing.ts'
import { silentLog } from '../../node/system/log.ts'

export function quietTiming(clock: Clock): RequestTiming {
  return new RequestTiming({ clock, log: silentLog, onTimed: () => {} }, { slowMs: 0 })
}
