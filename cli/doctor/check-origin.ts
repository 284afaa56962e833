/** The origin: reachable, readable with these credentials, and how fast it answers. */
import { HoldfastError, isHoldfastError } from '../../common/index.ts'
import { withoutCredentials } from '../../node/admin/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { formatMs } from '../print.ts'
import { type BoxPatient, fail, ok, type Verdict, warn } from './types.ts'

export async function checkOrigin({ options }: BoxPatient): Promise<Verdict | readonly Verdict[]> {
  const url = options['origin.url']
  if (url === '') return warn('no origin is configured', 'Set origin.url, unless this node is to live from its peers.')
  const { openOrigin } = await import('../../origin/index.ts')
  const shown = withoutCredentials(url)
  const startedMs = performance.now()
  try {
    const first = await withTimeout(firstModel(openOrigin(url, { clock: systemClock })), options['origin.timeoutMs'])
    const elapsedMs = performance.now() - startedMs
    return ok(
      `${shown} answers in ${formatMs(elapsedMs)}${first ? '' : ' and is empty: push a model with `holdfast push`'}`,
    )
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    // Told with the options, where every start tells it.
    if (error.code === 'BAD_ORIGIN_URL') return []
    return fail(`${shown}: ${error.message}`, error.action)
  }
}

async function firstModel(origin: { listModels(): AsyncIterable<unknown> }): Promise<boolean> {
  for await (const _listed of origin.listModels()) return true
  return false
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () =>
      late.reject(
        new HoldfastError('ORIGIN_UNAVAILABLE', `It did not answer within ${timeoutMs} ms (origin.timeoutMs).`),
      ),
    timeoutMs,
  )
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
