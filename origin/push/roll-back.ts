/** A tag is moved back to what it meant before. The sequence rises all the same, so that nodes follow. */
import { HoldfastError, type ModelId } from '../../common/index.ts'
import { formatModelName } from '../refs/model-name.ts'
import { earlierManifests, type Revision, readHistory } from '../refs/ref-history.ts'
import type { ModelName, Ref } from '../types.ts'
import { type MoveTagOptions, type MoveTagResult, moveTag } from './move-tag.ts'

export interface RollbackOptions extends Omit<MoveTagOptions, 'manifest'> {
  /** Of the revision to go back to; the latest that had other content when left out. */
  readonly sequence?: number
}

/** UNKNOWN_MODEL when there is no such tag, BAD_REQUEST when its history has no such revision, and as moveTag. */
export async function rollBack(options: RollbackOptions): Promise<MoveTagResult & { before: Ref }> {
  const { origin, name, sequence, ...rest } = options
  const before = await origin.resolveRef(name, rest)
  const history = await readHistory(origin.store, name, before, rest)
  const manifest =
    sequence === undefined ? latestOther(name, before, history) : revisionOf(name, before, history, sequence)
  return { ...(await moveTag({ origin, name, manifest, ...rest })), before }
}

function latestOther(name: ModelName, current: Ref, history: readonly Revision[]): ModelId {
  const [manifest] = earlierManifests(current, history, 1)
  if (manifest !== undefined) return manifest
  throw new HoldfastError(
    'BAD_REQUEST',
    `${formatModelName(name)} never meant anything else, as far as its history tells: there is nothing to go back to.`,
  )
}

function revisionOf(name: ModelName, current: Ref, history: readonly Revision[], sequence: number): ModelId {
  const refs = [...history.map(({ ref }) => ref), current]
  const found = refs.find((ref) => ref.sequence === sequence)
  if (found) return found.manifest
  throw new HoldfastError(
    'BAD_REQUEST',
    `The history of ${formatModelName(name)} has no sequence ${sequence}. It has ${refs.map((ref) => ref.sequence).join(', ')}.`,
  )
}
