/** A conversion that failed is not tried again: over restarts, until the converter is another, and by the bytes of the model. */
import { expect, test } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { ConversionFailures } from '../../../node/models/conversion-failures.ts'
import { specOf } from '../../../node/models/model-table.ts'
import { MemoryState } from '../../support/memory-state.ts'
import { bytesOf, modelOf } from '../../support/models.ts'

const refused = new HoldfastError(
  'UNSUPPORTED_OPERATOR',
  'The runtime does not have an operator of the model: Frobnicate.',
)
const model = modelOf({ 'model.onnx': bytesOf(100, 'small') })
const spec = specOf(model.id, model.manifest)
const file = model.manifest.files[0]!

function over(state: MemoryState, fingerprint = 'converter-1'): ConversionFailures {
  return new ConversionFailures({ state, fingerprint: () => fingerprint })
}

test('is remembered over a restart, and by the same bytes under another manifest', async () => {
  const state = new MemoryState()
  const before = over(state)
  expect(before.find(spec, file)).toBeNull()
  await before.note(spec, file, refused)
  expect(before.find(spec, file)).toBe(refused)
  const after = over(state)
  await after.start()
  expect(after.find(spec, file)).toMatchObject({ code: refused.code, message: refused.message })
  const renamed = specOf('other', { ...model.manifest, annotations: { note: 'again' } })
  expect(after.find(renamed, file)).toMatchObject({ code: refused.code })
})

test('is forgotten with its converter', async () => {
  const state = new MemoryState()
  await over(state).note(spec, file, refused)
  const other = over(state, 'converter-2')
  await other.start()
  expect(other.find(spec, file)).toBeNull()
  expect(state.records.size).toBe(0)
})

test('that another try may not have is forgotten at the end of the process', async () => {
  const state = new MemoryState()
  const failures = over(state)
  const details = { isPassing: true }
  await failures.note(spec, file, new HoldfastError('NOT_RUNNABLE', 'The conversion took too long.', { details }))
  expect(failures.find(spec, file)).toMatchObject({ code: 'NOT_RUNNABLE' })
  expect(state.records.size).toBe(0)
})

test('of this moment is not remembered at all', async () => {
  const failures = over(new MemoryState())
  await failures.note(spec, file, new HoldfastError('DISK_FULL', 'The disk is full.'))
  await failures.note(spec, file, new TypeError('a defect'))
  expect(failures.find(spec, file)).toBeNull()
})
