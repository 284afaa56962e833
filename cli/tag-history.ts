/** What the tags of a model mean and meant, latest first, for `holdfast tag --list`. */
import type { ModelId } from '../common/index.ts'
import type { ModelName, Origin, Ref } from '../origin/index.ts'

export interface TagRevision {
  /** namespace/name:tag */
  readonly model: string
  readonly sequence: number
  readonly digest: ModelId
  /** When the tag came to mean it, by the clock of the store. */
  readonly movedMs: number
  /** 'gone': gc has freed it, and the tag cannot go back to it. */
  readonly state: 'current' | 'earlier' | 'gone'
}

/** Of one tag, or of all tags when the name has none. UNKNOWN_MODEL when there is none. */
export async function listTags(origin: Origin, text: string): Promise<TagRevision[]> {
  const { listTagsOf, parseModelName } = await import('../origin/index.ts')
  const name = parseModelName(text)
  const tags = text.includes(':') ? [name] : await listTagsOf(origin, name)
  if (tags.length === 0) await origin.resolveRef(name)
  const revisions: TagRevision[] = []
  for (const tag of tags) revisions.push(...(await revisionsOf(origin, tag)))
  return revisions
}

async function revisionsOf(origin: Origin, name: ModelName): Promise<TagRevision[]> {
  const { formatModelName, hasManifest, readHistory, refMovedMs } = await import('../origin/index.ts')
  const current = await origin.resolveRef(name)
  const model = formatModelName(name)
  const row = ({ manifest, sequence }: Ref, movedMs: number, state: TagRevision['state']): TagRevision => {
    return { model, sequence, digest: manifest, movedMs, state }
  }
  const rows = [row(current, (await refMovedMs(origin.store, name)) ?? 0, 'current')]
  for (const { ref, movedMs } of (await readHistory(origin.store, name, current)).toReversed()) {
    rows.push(row(ref, movedMs, (await hasManifest(origin.store, ref.manifest)) ? 'earlier' : 'gone'))
  }
  return rows
}
