export { ClusterPins, type ReplicaPinView } from './cluster-pins.ts'
export { localModels } from './local-models.ts'
export { ReplicationController } from './replication-controller.ts'
