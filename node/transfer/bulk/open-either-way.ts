/** A connection to a peer by the faster way: this side opens it, or the peer is asked to. */
import { isHoldfastError } from '../../../common/index.ts'
import type { Clock } from '../../system/index.ts'
import type { BulkSession } from './bulk-session.ts'

/** A firewall that drops packets lets a connect wait for seconds; a peer in reach has answered by then. */
const patienceMs = 500

/**
 * The session of `direct`; or null when the peer has opened one after `askPeer`, which is asked when `direct` does not reach the peer, or
 * not soon. The error of `direct` when neither succeeds. A session that comes too late is closed when it is idle.
 */
export async function openEitherWay(
  clock: Clock,
  direct: Promise<BulkSession>,
  askPeer: (signal: AbortSignal) => Promise<void>,
): Promise<BulkSession | null> {
  const abort = new AbortController()
  const late = Promise.withResolvers<void>()
  const forget = clock.after(patienceMs, late.resolve)
  const isOpen = direct.then(
    () => true,
    (error: unknown) => {
      if (!isHoldfastError(error, 'PEER_UNREACHABLE')) throw error
      return false
    },
  )
  const asked = Promise.race([isOpen, late.promise.then(() => false)]).then((isDone) =>
    isDone ? direct : askPeer(abort.signal).then(() => null),
  )
  try {
    return await Promise.any([direct, asked])
  } catch {
    return await direct
  } finally {
    forget()
    abort.abort()
  }
}
