export { defaultFailurePace, FailurePace, type FailurePaceOptions } from './failure-pace.ts'
export { FailureTurns } from './failure-turns.ts'
export { type ConnectionShares, FairConnections } from './fair-connections.ts'
export { FairPlaces, type PlaceShares } from './fair-places.ts'
