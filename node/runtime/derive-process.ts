/** The process that converts one model and ends. Started by derive.ts, which says what to convert; ends with its parent. */
import { InferenceSession } from 'onnxruntime-node'
import type { DeriveAnswer, DeriveRequest } from './protocol.ts'
import { deriveOptions } from './session-options.ts'

process.once('disconnect', () => process.exit(0))
process.once('message', ({ inputPath, outputPath }: DeriveRequest) => {
  InferenceSession.create(inputPath, deriveOptions(outputPath)).then(
    () => answer({ kind: 'derived' }),
    (error: unknown) => answer({ kind: 'error', message: error instanceof Error ? error.message : String(error) }),
  )
})

function answer(message: DeriveAnswer): void {
  process.send?.(message, () => process.disconnect())
}
