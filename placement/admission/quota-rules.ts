/** Whether a tenant may have more of what its quotas bound. */
import type { TenantQuotas } from '../../common/index.ts'

/** Beside `pinnedCount` copies that are pinned, as many more. */
export function mayPin({ pinsMax }: TenantQuotas, pinnedCount: number, moreCount: number): boolean {
  return pinnedCount + moreCount <= pinsMax
}

/** Beside so many that wait already, one more request. */
export function mayQueue({ queuedMax }: Pick<TenantQuotas, 'queuedMax'>, waitingCount: number): boolean {
  return waitingCount < queuedMax
}
