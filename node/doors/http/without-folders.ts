/** Texts for callers, who may be anybody: what lies below a folder of the node is named by its last name alone. */

export type HideFolders = (text: string) => string

export function hideFolders(folders: readonly string[]): HideFolders {
  const known = folders.filter((folder) => folder.length > 1).sort((a, b) => b.length - a.length)
  if (known.length === 0) return (text) => text
  const pattern = new RegExp(`(?:file://)?(?:${known.map(escaped).join('|')})(/[^\\s'"\`,;:()]*)?(?![\\w-])`, 'g')
  return (text) => text.replace(pattern, (_, below?: string) => lastName(below) ?? 'a folder of the node')
}

function lastName(below: string | undefined): string | null {
  return below?.split('/').findLast((name) => name !== '') ?? null
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
