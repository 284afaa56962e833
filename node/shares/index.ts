export { type ConnectionShares, FairConnections } from './fair-connections.ts'
export { FairPlaces, type PlaceShares } from './fair-places.ts'
