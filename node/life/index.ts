/** The life of a daemon: it joins, is alive, says so to the service manager, and leaves without anybody noticing. */
export { Drain } from './drain.ts'
export { Handover } from './handover.ts'
export { isIdentityInUse } from './identity-probe.ts'
export { type IdentityClaims, IdentityWatch, identityInUse } from './identity-watch.ts'
export { Joining } from './joining.ts'
export { LivenessCheck, type Pulse } from './liveness-check.ts'
export { Readiness } from './readiness.ts'
export { ServiceManager, takeServiceEnvironment } from './service-manager.ts'
