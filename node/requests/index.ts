export { InferenceService } from './inference-service.ts'
export { LoadProfile } from './load-profile.ts'
export { queueMs } from './queue-estimate.ts'
export { Router } from './router.ts'
