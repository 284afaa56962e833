/** The rules between options, and the files with secrets that they name. */
import { lstat } from 'node:fs/promises'
import { HoldfastError } from '../../common/index.ts'
import { loadAdminTokens } from '../../node/admin/index.ts'
import { findingsOf, type NodeOptions } from '../../node/config/index.ts'
import { ClusterKey, readClusterKeys } from '../../node/net/index.ts'
import { fail, ok, type Patient, type Verdict, warn } from './types.ts'

const othersMask = 0o077

export async function checkConfigRules({ options }: Patient): Promise<Verdict[]> {
  const verdicts = findingsOf(options).map(({ level, message }) =>
    level === 'error'
      ? fail(message, 'Correct the options that the message names.')
      : warn(message, 'Check that it is meant so.'),
  )
  verdicts.push(...(await secretVerdicts(options)))
  return verdicts.length > 0 ? verdicts : [ok('the options fit together')]
}

async function secretVerdicts(options: NodeOptions): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  try {
    if (options['cluster.key'] !== '') ClusterKey.parse(options['cluster.key'])
    if (options['cluster.keyFile'] !== '') await readClusterKeys(options['cluster.keyFile'])
    await loadAdminTokens(options)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    return [fail(error.message, 'Make the file with `holdfast init`, or correct it.')]
  }
  for (const path of [options['cluster.keyFile'], options['admin.tokenFile']]) {
    if (path === '') continue
    const { mode } = await lstat(path)
    if ((mode & othersMask) !== 0) verdicts.push(warn(`${path} can be read by others`, `chmod 600 ${path}`))
  }
  return verdicts
}
