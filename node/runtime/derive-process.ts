/** The process that converts one model and ends. Started by derive.ts, which says what to convert; ends with its parent. */
import type { HoldfastError } from '../../common/index.ts'
import { confineChild } from './confined-child.ts'
import { convert } from './convert.ts'
import { isOutOfMemory, memoryExceeded } from './memory-bound.ts'
import type { DeriveAnswer, DeriveMessage, DeriveRequest } from './protocol.ts'
import { errorOfModel } from './runtime-errors.ts'

process.once('disconnect', () => process.exit(0))
process.once('message', (request: DeriveRequest) => {
  work(request).then(
    () => answer({ kind: 'derived' }),
    (error: unknown) => {
      const { code, message } = errorOf(error, request)
      answer({ kind: 'error', error: { code, message } })
    },
  )
})

async function work(request: DeriveRequest): Promise<void> {
  const { confinement, limitMemory } = await confineChild({ isWanted: request.isConfined, localSockets: false })
  process.send?.({ kind: 'confined', confinement } satisfies DeriveMessage)
  limitMemory(request.memoryBytesMax)
  await convert(request)
}

function errorOf(error: unknown, { memoryBytesMax }: DeriveRequest): HoldfastError {
  if (isOutOfMemory(String(error))) return memoryExceeded('converted', memoryBytesMax, 'runtime.conversionBaseBytes')
  return errorOfModel(error)
}

function answer(message: DeriveAnswer): void {
  process.send?.(message, () => process.disconnect())
}
