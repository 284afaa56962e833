/** The rules between options, and what they name: files with secrets and rules, and the form of the origin's URL. */
import { isHoldfastError } from '../../common/index.ts'
import { findingsOf } from '../config/index.ts'
import { readableSecrets, secretArguments } from './secrets.ts'
import { ok, type Patient, type Verdict, warn } from './types.ts'

export async function checkConfig(patient: Patient): Promise<Verdict[]> {
  const verdicts = findingsOf(patient.options).map(
    ({ level, message }): Verdict =>
      level === 'error'
        ? { status: 'fail', message, action: 'Correct the options that the message names.' }
        : warn(message, 'Check that it is meant so.'),
  )
  verdicts.push(...(await namedFiles(patient)))
  return verdicts.length > 0 ? verdicts : [ok('the options fit together')]
}

async function namedFiles({ options, clock }: Patient): Promise<Verdict[]> {
  const { ClusterKey, readClusterKeys } = await import('../net/index.ts')
  const { loadAdminTokens } = await import('../admin/index.ts')
  const { openOrigin } = await import('../../origin/index.ts')
  const { readStoreAccess } = await import('../doors/store-socket/index.ts')
  const { 'cluster.key': key, 'cluster.keyFile': keyFile, 'store.accessFile': accessFile, 'origin.url': url } = options
  const tries: (() => unknown)[] = [
    () => (key === '' ? null : ClusterKey.parse(key)),
    () => (keyFile === '' ? null : readClusterKeys(keyFile)),
    () => loadAdminTokens(options),
    () => (accessFile === '' ? null : readStoreAccess(accessFile)),
    () => (url === '' ? null : openOrigin(url, { clock })),
  ]
  const verdicts: Verdict[] = []
  for (const attempt of tries) {
    try {
      await attempt()
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      verdicts.push({ status: 'fail', message: error.message, action: error.action, error })
    }
  }
  return [...verdicts, ...(await readableSecrets(options)), ...secretArguments(process.argv)]
}
