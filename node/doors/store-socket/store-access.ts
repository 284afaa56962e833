/**
 * The file of store.accessFile: who may open and list which models through the socket. A mistake in it is an error that names the place,
 * never a rule that allows more than was meant.
 *
 *   { "rules": [
 *     { "tenant": "team-a", "tokens": ["..."], "models": ["acme/*"], "list": true },
 *     { "uids": [1000], "models": ["public/*", "acme/resnet50:v3"] } ] }
 */
import { createHash } from 'node:crypto'
import { HoldfastError } from '../../../common/index.ts'
import { readSecretFile } from '../../system/index.ts'
import type { FileRule } from '../../tenants/index.ts'

/** Some ten thousand rules. */
const fileBytesMax = 4 * 1024 * 1024
/** Shorter ones can be guessed. */
const tokenLengthMin = 16
const tokenLengthMax = 512
const ruleKeys = ['tenant', 'uids', 'tokens', 'models', 'list']

/** BAD_CONFIG when it cannot be read or says what cannot be meant. */
export async function readStoreAccess(path: string): Promise<FileRule[]> {
  const text = await readSecretFile(path, { what: 'access rule', option: 'store.accessFile', bytesMax: fileBytesMax })
  return parseStoreAccess(text)
}

export function parseStoreAccess(text: string): FileRule[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new HoldfastError('BAD_CONFIG', 'The file of store.accessFile is not JSON.', { cause })
  }
  const rules = (value as { rules?: unknown } | null)?.rules
  // An empty list would let everybody in, and an operator who writes a file wants the opposite.
  if (!Array.isArray(rules) || rules.length === 0) throw bad('it needs a list `rules` with at least one rule')
  return rules.map((rule, index) => parseRule(rule, `rules[${index}]`))
}

function parseRule(value: unknown, where: string): FileRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`${where} is not an object`)
  const rule = value as Record<string, unknown>
  const stranger = Object.keys(rule).find((key) => !ruleKeys.includes(key))
  if (stranger !== undefined) throw bad(`${where} has ${stranger}; the keys are ${ruleKeys.join(', ')}`)
  const { tenant = '', list = false } = rule
  if (typeof tenant !== 'string' || !/^[!-~]{0,128}$/.test(tenant)) throw bad(`${where}.tenant is no visible text`)
  if (typeof list !== 'boolean') throw bad(`${where}.list is not true or false`)
  const uids = listOf(rule.uids, `${where}.uids`, isUid)
  const tokens = listOf(rule.tokens, `${where}.tokens`, isToken)
  const models = listOf(rule.models, `${where}.models`, isPattern)
  if (uids.length === 0 && tokens.length === 0) throw bad(`${where} needs uids, tokens or both: it fits nobody`)
  if (models.length === 0) throw bad(`${where} needs models, as in "acme/*": it allows nothing`)
  const tokenDigests = tokens.map((token) => createHash('sha256').update(token).digest('hex'))
  return { tenant, uids, tokenDigests, models, mayList: list }
}

function listOf<T>(value: unknown, where: string, isItem: (item: unknown) => item is T): T[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw bad(`${where} is not a list`)
  const index = value.findIndex((item) => !isItem(item))
  if (index >= 0) throw bad(`${where}[${index}] has the wrong form`)
  return value as T[]
}

const isUid = (item: unknown): item is number =>
  typeof item === 'number' && Number.isInteger(item) && item >= 0 && item < 2 ** 32
const isToken = (item: unknown): item is string =>
  typeof item === 'string' && item.length >= tokenLengthMin && item.length <= tokenLengthMax
const isPattern = (item: unknown): item is string => typeof item === 'string' && /^[!-~]{1,512}$/.test(item)

function bad(why: string): HoldfastError {
  return new HoldfastError('BAD_CONFIG', `The file of store.accessFile: ${why}.`)
}
