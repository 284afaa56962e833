export { registerAdminRoutes } from './admin/routes-admin.ts'
export { startHttpServer } from './http/server.ts'
export { createMetrics, type NodeMetrics } from './metrics/metrics.ts'
