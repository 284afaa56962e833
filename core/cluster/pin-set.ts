/**
 * Which models the cluster keeps, and on how many nodes: what operators pinned with a number of replicas, known to every node
 * (shared-records.ts). A removed pin is a record of no replicas.
 */
import type { NodeId } from '../../common/index.ts'
import type { PinRecord } from '../events.ts'
import { changedRecord, type RecordReader, SharedRecords } from './shared-records.ts'

export interface PinSetOptions {
  /** With so many others that publish a record this node need not: three may be lost at once without harm. */
  readonly voicesMax: number
  /** Pins of the cluster, and removed ones where there is room. Each is about 150 bytes in the state entries of some nodes. */
  readonly pinsMax: number
  /** Pins in force that one node may be the first to tell of: as many as operators may make, on one node too. */
  readonly pinsPerAuthorMax: number
  /** A removed pin is forgotten after this: a node that was away for longer may bring it back. A month. */
  readonly removedKeptMs: number
}

export const defaultPinSetOptions: PinSetOptions = {
  voicesMax: 3,
  pinsMax: 256,
  pinsPerAuthorMax: 192,
  removedKeptMs: 30 * 86_400_000,
}

/** What those who keep or show pins may ask. */
export type PinReader = RecordReader<PinRecord>

export class PinSet extends SharedRecords<PinRecord> {
  constructor(options: PinSetOptions = defaultPinSetOptions) {
    const { voicesMax, pinsMax, pinsPerAuthorMax, removedKeptMs } = options
    const isInForce = ({ replicaCount }: PinRecord) => replicaCount > 0
    super({ voicesMax, removedKeptMs, recordsMax: pinsMax, perAuthorMax: pinsPerAuthorMax, isInForce })
  }
}

/** The record that replaces what is known of the name, whatever clock the one before was made by. */
export function changedPin(
  change: Pick<PinRecord, 'name' | 'replicaCount' | 'tier'>,
  known: PinRecord | undefined,
  by: NodeId,
  wallMs: number,
): PinRecord {
  return changedRecord(change, known, by, wallMs)
}
