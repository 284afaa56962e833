import { expect, it } from 'vitest'
import { toBlobId } from '../../../common/types.ts'
import { ModelTable } from '../../../core/models/model-table.ts'
import { isLost, nextStep } from '../../../core/models/next-step.ts'
import type { FormBlob, Goal, ModelSpec } from '../../../core/models/types.ts'

const [a, b] = [
  { id: toBlobId('a'), sizeBytes: 1 },
  { id: toBlobId('b'), sizeBytes: 1 },
]
const form: FormBlob = { id: toBlobId('form'), sizeBytes: 1, fingerprint: 'now' }
const old: FormBlob = { ...form, fingerprint: 'before' }
const failure = { code: 'NOT_RUNNABLE', message: '' } as const

interface Case {
  readonly id: string
  readonly goal: Goal
  /** By blob: m in memory, d on disk. */
  readonly places?: Readonly<Record<string, string>>
  readonly form?: FormBlob
  readonly runs?: ModelSpec['runs']
  readonly session?: 'loaded'
  readonly source?: 'peer'
  readonly cannotRun?: true
  readonly step: object
}

const cases: readonly Case[] = [
  { id: 'all absent', goal: 'disk', step: { kind: 'fetch', blobs: [a, b], into: 'disk' } },
  {
    id: 'a part in memory only',
    goal: 'disk',
    places: { a: 'm', b: 'd' },
    step: { kind: 'fetch', blobs: [a], into: 'disk' },
  },
  { id: 'all on disk', goal: 'disk', places: { a: 'd', b: 'd' }, step: { kind: 'done', source: 'disk' } },
  { id: 'all everywhere', goal: 'disk', places: { a: 'md', b: 'md' }, step: { kind: 'done', source: 'memory' } },
  {
    id: 'all on disk now',
    goal: 'disk',
    places: { a: 'd', b: 'd' },
    source: 'peer',
    step: { kind: 'done', source: 'peer' },
  },

  { id: 'all absent', goal: 'memory', step: { kind: 'fetch', blobs: [a, b], into: 'memory' } },
  { id: 'a part on disk', goal: 'memory', places: { a: 'd' }, step: { kind: 'fetch', blobs: [b], into: 'memory' } },
  { id: 'all on disk', goal: 'memory', places: { a: 'd', b: 'd' }, step: { kind: 'promote', blobs: [a, b] } },
  { id: 'half in memory', goal: 'memory', places: { a: 'm', b: 'd' }, step: { kind: 'promote', blobs: [b] } },
  { id: 'all in memory', goal: 'memory', places: { a: 'm', b: 'm' }, step: { kind: 'done', source: 'memory' } },

  { id: 'all absent', goal: 'ready', step: { kind: 'fetch', blobs: [a, b], into: 'disk' } },
  { id: 'nothing to run', goal: 'ready', cannotRun: true, step: { kind: 'fail', failure } },
  {
    id: 'files in memory only',
    goal: 'ready',
    places: { a: 'm', b: 'm' },
    step: { kind: 'fetch', blobs: [a, b], into: 'disk' },
  },
  { id: 'files on disk', goal: 'ready', places: { a: 'd', b: 'd' }, step: { kind: 'derive' } },
  {
    id: 'form of another runtime',
    goal: 'ready',
    places: { a: 'd', b: 'd', form: 'd' },
    form: old,
    step: { kind: 'derive' },
  },
  { id: 'form lost', goal: 'ready', places: { a: 'd', b: 'd' }, form, step: { kind: 'derive' } },
  {
    id: 'form on disk, files gone',
    goal: 'ready',
    places: { form: 'd' },
    form,
    step: { kind: 'promote', blobs: [form] },
  },
  { id: 'form in memory', goal: 'ready', places: { form: 'm' }, form, step: { kind: 'load' } },
  {
    id: 'loaded',
    goal: 'ready',
    places: { form: 'm' },
    form,
    session: 'loaded',
    step: { kind: 'done', source: 'memory' },
  },
  { id: 'loaded now', goal: 'ready', form, session: 'loaded', source: 'peer', step: { kind: 'done', source: 'peer' } },

  { id: 'files run, all absent', goal: 'ready', runs: 'files', step: { kind: 'fetch', blobs: [a, b], into: 'memory' } },
  {
    id: 'files run, on disk',
    goal: 'ready',
    runs: 'files',
    places: { a: 'd', b: 'd' },
    step: { kind: 'promote', blobs: [a, b] },
  },
  { id: 'files run, in memory', goal: 'ready', runs: 'files', places: { a: 'm', b: 'm' }, step: { kind: 'load' } },

  { id: 'first', goal: 'reattach', places: { a: 'm', b: 'd' }, step: { kind: 'reattach', blobs: [b] } },
  { id: 'taken back', goal: 'reattach', source: 'peer', step: { kind: 'done', source: 'peer' } },
]

function arrange({ places = {}, form: made, runs = 'form', session, cannotRun }: Case) {
  const blob = (sha256: string) => {
    const place = places[sha256]
    return place === undefined ? null : { isIn: { memory: place.includes('m'), disk: place.includes('d') } }
  }
  const table = new ModelTable({ blob, pageBytes: 1 })
  const row = table.add({ model: 'model', files: [a, b], sizeBytes: 2, runs }, made ?? null)
  row.session = session ?? 'none'
  const facts = {
    isFormCurrent: ({ fingerprint }: FormBlob) => fingerprint === 'now',
    cannotRun: () => (cannotRun === true ? failure : null),
  }
  return { row, look: { table, facts } }
}

it.each(cases)('for $goal with $id the next step is $step.kind', (one) => {
  const { row, look } = arrange(one)
  expect(nextStep(row, one.goal, one.source ?? null, look)).toEqual(one.step)
})

it.each([
  { id: 'a file is gone from the disk', goal: 'ready', places: { a: 'd' }, lost: true },
  { id: 'the form is gone', goal: 'ready', places: { a: 'd', b: 'd' }, form, lost: true },
  { id: 'all is there', goal: 'ready', places: { a: 'd', b: 'd', form: 'd' }, form, lost: false },
  { id: 'a file is gone that memory has', goal: 'memory', places: { a: 'm', b: 'd' }, lost: false },
  { id: 'a file is gone', goal: 'memory', places: { b: 'd' }, lost: true },
  { id: 'a file is gone that memory has', goal: 'disk', places: { a: 'm', b: 'd' }, lost: true },
  { id: 'a file is gone', goal: 'reattach', places: {}, lost: false },
] as const)('for $goal, when $id, something to bring again: $lost', ({ lost, ...one }) => {
  const { row, look } = arrange({ ...one, step: {} })
  expect(isLost(row, one.goal, look)).toBe(lost)
})
