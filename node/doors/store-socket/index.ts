export { OpenBacklog } from './open-backlog.ts'
export { SocketOpenHandler } from './socket-open-handler.ts'
export { readStoreAccess } from './store-access.ts'
