/** The process that converts one model and ends. Started by derive.ts, which says what to convert; ends with its parent. */
import { convert } from './convert.ts'
import type { DeriveAnswer, DeriveRequest } from './protocol.ts'
import { errorOfModel } from './runtime-errors.ts'

process.once('disconnect', () => process.exit(0))
process.once('message', (request: DeriveRequest) => {
  convert(request).then(
    () => answer({ kind: 'derived' }),
    (error: unknown) => {
      const { code, message } = errorOfModel(error)
      answer({ kind: 'error', error: { code, message } })
    },
  )
})

function answer(message: DeriveAnswer): void {
  process.send?.(message, () => process.disconnect())
}
