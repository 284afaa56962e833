/** What a machine of a node wants done, as a line to compare. What its adapter gave it to know an answer by is left out. */
import { toBlobId } from '../../common/index.ts'
import { simIdOf } from './manifests.ts'

/** Ids that the adapter gives, and what only one of the adapters knows. */
const leftOut: ReadonlySet<string> = new Set([
  'want',
  'request',
  'take',
  'turn',
  'record',
  'publicKey',
  'isDiskShort',
  'tenant',
])

export function effectLine({ kind, ...rest }: { readonly kind: string }): string {
  const fields = Object.entries(rest)
    .filter(([name]) => !leftOut.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `${kind} ${fields.map(([name, value]) => `${name}=${textOf(value)}`).join(' ')}`.trimEnd()
}

function textOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toFixed(3)
  if (typeof value === 'string') return shortened(simIdOf(toBlobId(value)))
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  // Of a failure the code counts, of a decision what it is and why.
  if ('code' in value) return String(value.code)
  if ('reason' in value && 'kind' in value) {
    const { kind, reason, tier, node, model } = value as unknown as Readonly<Record<string, unknown>>
    return textOf([kind, reason, tier, node, model].filter((part) => part !== undefined))
  }
  // Of a chunk its digest, of a blob its id in the simulated store, of a model that is here its tier.
  if ('sha256' in value) return textOf(value.sha256)
  if ('id' in value) return textOf(value.id)
  if ('tier' in value && 'model' in value) return textOf([value.model, value.tier])
  const fields = Object.entries(value).filter(([name]) => !leftOut.has(name))
  return `{${fields.map(([name, part]) => `${name}: ${textOf(part)}`).join(', ')}}`
}

/** Digests to their beginning, names of the world to the model of which they are the id. */
function shortened(text: string): string {
  return text.replace(/^sim\/([0-9a-f]{64}):latest$/, '$1').replace(/[0-9a-f]{64}/g, (digest) => digest.slice(0, 8))
}
