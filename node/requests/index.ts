export { contextOf, mayForward } from './call-context.ts'
export { InferenceService } from './inference-service.ts'
export { ModelCalls } from './model-calls.ts'
export { queueMs } from './queue-estimate.ts'
