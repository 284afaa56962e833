/** Runs ONNX models in worker processes, in place on the weights that the store of this machine keeps. */
import type { Runtime } from '../ports/index.ts'
import { OnnxRuntime } from './onnx-runtime.ts'
import { defaultOnnxRuntimeOptions, type OnnxRuntimeOptions } from './options.ts'

export { ConfinementLog } from './confinement-log.ts'
export type { OpenWeights, OpenWeightsModule, WeightsLease } from './open-weights.ts'
export { defaultOnnxRuntimeOptions, type OnnxRuntimeOptions } from './options.ts'

export type CreateOnnxRuntimeOptions = Partial<OnnxRuntimeOptions> & Pick<OnnxRuntimeOptions, 'clock' | 'socketPath'>

/** Starts nothing: `start()` does. */
export function createOnnxRuntime(options: CreateOnnxRuntimeOptions): Runtime {
  return new OnnxRuntime({ ...defaultOnnxRuntimeOptions, ...options })
}
export { bf16OfNumber, floatsOfBf16 } from './bf16.ts'
export { byteElements, ElementsWriter, encodeElements } from './byte-elements.ts'
export { datatypeOfOrt, datatypeTable, elementCount, isDatatype } from './datatypes.ts'
export { deriveModel } from './derive.ts'
export { fieldsOf } from './protobuf-fields.ts'
export { inPlaceOptions } from './session-options.ts'
