/** The vocabulary that every room shares: names, errors with their codes, seeded chance, deadlines, versions, formats of numbers. Imports nothing. */
export type { Clock } from './clock.ts'
export * from './errors.ts'
export * from './format-bytes.ts'
export * from './format-table.ts'
export * from './prng.ts'
export * from './rendezvous.ts'
export * from './tiers.ts'
export * from './types.ts'
