export { SocketOpenHandler } from './socket-open-handler.ts'
export { readStoreAccess } from './store-access.ts'
