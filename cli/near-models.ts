/** Names that an unknown model most likely means: asked of the origin or node that did not know it. */
import type { Command } from 'commander'
import type { HoldfastError } from '../common/index.ts'
import { systemClock } from '../node/system/index.ts'
import { clientOf } from './node-option.ts'

/** A hint is not worth a long wait, nor a listing of a very large origin. */
const lookupMs = 5_000
const namesMax = 10_000
const shownMax = 3

/** Full names, the nearest first; none when nothing is near or nobody answers. */
export async function nearModelsFor({ details }: HoldfastError, command: Command): Promise<string[]> {
  const { origin, url, node } = command.opts<{ origin?: string; url?: string; node?: boolean }>()
  const { parseModelName } = await import('../origin/index.ts')
  const wanted = [details.model, ...command.args].find((text) => isName(text, parseModelName))
  if (wanted === undefined) return []
  try {
    const known = origin !== undefined && node !== true ? await namesOfOrigin(origin) : await namesOfNode(url, command)
    return await nearModels(String(wanted), known)
  } catch {
    return [] // The failure itself is told; this was only a hint.
  }
}

/**
 * Other tags of the same model first, then models with nearly the same name, in this or another namespace.
 * Tags count only when the model is known.
 */
export async function nearModels(wanted: string, known: readonly string[]): Promise<string[]> {
  const { distance } = await import('fastest-levenshtein')
  const [path, tag = 'latest'] = wanted.split(':') as [string, string?]
  const own = known.filter((name) => name.startsWith(`${path}:`))
  const byTag = (name: string) => distance(tag, name.slice(path.length + 1))
  if (own.length > 0) return own.toSorted((a, b) => byTag(a) - byTag(b) || (a < b ? -1 : 1)).slice(0, shownMax)
  const farthest = Math.max(2, Math.floor(path.length / 3))
  const ranked = known.map((name) => {
    const [otherPath, otherTag] = name.split(':') as [string, string]
    const isMoved = otherPath.split('/')[1] === path.split('/')[1]
    return { name, away: isMoved ? 1 : distance(path, otherPath), tagAway: distance(tag, otherTag) }
  })
  return ranked
    .filter(({ away }) => away <= farthest)
    .sort((a, b) => a.away - b.away || a.tagAway - b.tagAway || (a.name < b.name ? -1 : 1))
    .slice(0, shownMax)
    .map(({ name }) => name)
}

async function namesOfOrigin(url: string): Promise<string[]> {
  const { formatModelName, listNames, openOrigin } = await import('../origin/index.ts')
  const names: string[] = []
  const signal = AbortSignal.timeout(lookupMs)
  for await (const name of listNames(openOrigin(url, { clock: systemClock }), { signal })) {
    names.push(formatModelName(name))
    if (names.length === namesMax) break
  }
  return names
}

async function namesOfNode(url: string | undefined, command: Command): Promise<string[]> {
  if (url === undefined) return []
  const { models } = await clientOf(command.opts()).get<{ models: { names: string[] }[] }>('/v1/models')
  return models.flatMap(({ names }) => names).slice(0, namesMax)
}

function isName(text: unknown, parse: (text: string) => unknown): boolean {
  try {
    return typeof text === 'string' && parse(text) !== null
  } catch {
    return false
  }
}
