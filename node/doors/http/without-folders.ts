/** Texts for callers, who may be anybody: what lies below a folder of the node is named by its last name alone. */

export type HideFolders = (text: string) => string

export function hideFolders(folders: readonly string[]): HideFolders {
  const known = folders.filter((folder) => folder.length > 1).sort((a, b) => b.length - a.length)
  if (known.length === 0) return (text) => text
  const pattern = new RegExp(`(?:file://)?(?:${known.map(escaped).join('|')})(/[^\\s'"\`,;:()]*)?(?![\\w-])`, 'g')
  return (text) => text.replace(pattern, (_, below?: string) => lastName(below) ?? 'a folder of the node')
}

/** Fields of answers that tell what went wrong, at whatever depth: the log has them whole. */
const errorFields: ReadonlySet<string> = new Set(['message', 'error'])

/** The answer with what errors say of this machine hidden; the rest as it is. */
export function hiddenErrors(value: unknown, hide: HideFolders): unknown {
  if (Array.isArray(value)) return value.map((item) => hiddenErrors(item, hide))
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([name, field]) => {
    const isText = typeof field === 'string' && errorFields.has(name)
    return [name, isText ? hide(field) : hiddenErrors(field, hide)]
  })
  return Object.fromEntries(fields)
}

function lastName(below: string | undefined): string | null {
  return below?.split('/').findLast((name) => name !== '') ?? null
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
