export { metricsDoor } from './door.ts'
export { createMetrics, type NodeMetrics } from './metrics.ts'
