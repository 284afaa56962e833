export { openInferenceDoor } from './door.ts'
export type { InferLimits } from './infer-limits.ts'
