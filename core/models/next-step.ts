/**
 * What has to happen next so that a model is as it is wanted, given where its bytes are now:
 *
 *   absent --fetch--> disk --derive--> form on disk --promote--> memory --load--> ready      a model that the runtime runs
 *   absent --fetch--> memory (and disk) --load--> ready                                      one whose files run as they are
 *   absent --fetch--> disk, or memory (and disk)                                             for clients that open the files
 *
 * Asked anew after each step, so that it does not matter who brought the bytes.
 */
import type { LocalTier, Source } from '../../common/index.ts'
import type { Failure } from '../failure.ts'
import type { ModelRow, ModelTable } from './model-table.ts'
import type { ModelFacts } from './ports.ts'
import type { BlobRef, Goal, ModelSpec } from './types.ts'

export type Step =
  | { readonly kind: 'done'; readonly source: Source }
  | { readonly kind: 'fail'; readonly failure: Failure }
  | { readonly kind: 'fetch'; readonly blobs: readonly BlobRef[]; readonly into: LocalTier }
  | { readonly kind: 'promote'; readonly blobs: readonly BlobRef[] }
  | { readonly kind: 'reattach'; readonly blobs: readonly BlobRef[] }
  | { readonly kind: 'derive' }
  | { readonly kind: 'load' }

export interface Look<S extends ModelSpec> {
  readonly table: ModelTable<S>
  readonly facts: Pick<ModelFacts<S>, 'isFormCurrent' | 'cannotRun'>
}

/** @param source where the bytes came from so far; null when none were moved. */
export function nextStep<S extends ModelSpec>(
  row: ModelRow<S>,
  goal: Goal,
  source: Source | null,
  look: Look<S>,
): Step {
  switch (goal) {
    case 'disk':
      return toDisk(row, source, look)
    case 'memory':
      return toMemory(row, source, look)
    case 'ready':
      return toReady(row, source, look)
    case 'reattach':
      return source === null ? { kind: 'reattach', blobs: notInMemory(row.spec.files, look) } : { kind: 'done', source }
  }
}

/** Files whose blobs have to be brought to the node first. */
export function absentFiles<S extends ModelSpec>(
  { spec }: ModelRow<S>,
  into: LocalTier,
  { table }: Look<S>,
): BlobRef[] {
  return spec.files.filter((blob) => (into === 'disk' ? !table.isIn(blob, 'disk') : !table.isHeld(blob)))
}

/** What failed to be read from the disk is not there any more: it can be had again. */
export function isLost<S extends ModelSpec>(row: ModelRow<S>, goal: Goal, look: Look<S>): boolean {
  if (goal === 'reattach') return false
  if (goal !== 'ready' || row.spec.runs === 'files') {
    return absentFiles(row, goal === 'disk' ? 'disk' : 'memory', look).length > 0
  }
  return (row.form !== null && !look.table.isKnownToStore(row.form)) || !look.table.filesIn(row, 'disk')
}

function toDisk<S extends ModelSpec>(row: ModelRow<S>, source: Source | null, look: Look<S>): Step {
  const blobs = absentFiles(row, 'disk', look)
  if (blobs.length > 0) return { kind: 'fetch', blobs, into: 'disk' }
  return { kind: 'done', source: source ?? (look.table.filesIn(row, 'memory') ? 'memory' : 'disk') }
}

function toMemory<S extends ModelSpec>(row: ModelRow<S>, source: Source | null, look: Look<S>): Step {
  const lacking = notInMemory(row.spec.files, look)
  if (lacking.length === 0) return { kind: 'done', source: source ?? 'memory' }
  const blobs = absentFiles(row, 'memory', look)
  return blobs.length > 0 ? { kind: 'fetch', blobs, into: 'memory' } : { kind: 'promote', blobs: lacking }
}

function toReady<S extends ModelSpec>(row: ModelRow<S>, source: Source | null, look: Look<S>): Step {
  if (row.session === 'loaded') return { kind: 'done', source: source ?? 'memory' }
  const failure = look.facts.cannotRun(row.spec)
  if (failure !== null) return { kind: 'fail', failure }
  if (row.spec.runs === 'files') {
    const step = toMemory(row, source, look)
    return step.kind === 'done' ? { kind: 'load' } : step
  }
  const { form } = row
  if (form === null || !look.facts.isFormCurrent(form) || !look.table.isHeld(form)) {
    const blobs = absentFiles(row, 'disk', look)
    return blobs.length > 0 ? { kind: 'fetch', blobs, into: 'disk' } : { kind: 'derive' }
  }
  return look.table.isIn(form, 'memory') ? { kind: 'load' } : { kind: 'promote', blobs: [form] }
}

function notInMemory<S extends ModelSpec>(blobs: readonly BlobRef[], { table }: Look<S>): BlobRef[] {
  return blobs.filter((blob) => !table.isIn(blob, 'memory'))
}
