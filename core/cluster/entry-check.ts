/**
 * The door for entries of others: a decoded value becomes an Entry or a PEER_PROTOCOL error, nothing in between.
 *
 * Checked is form only: types, ranges, lengths, order of lists. That the author signed it is checked where the envelope is. A
 * checked entry is rebuilt from known fields, so that nothing else of a hostile object stays in memory. Unknown fields are
 * dropped, not refused: a newer node may say more.
 */

import { HoldfastError, isLocalTier, tiers } from '../../common/index.ts'
import {
  type DemandBody,
  type Entry,
  type EntryBodies,
  type EntryKind,
  entryKinds,
  type PinRecord,
  type ResidencyBody,
  type StateBody,
  type SuspicionBody,
} from '../events.ts'

import { tiersFromFields } from './tier-fields.ts'

export interface EntryLimits {
  /** Characters in a node id, a zone, an address, a URL. The longest multiaddrs with a certificate hash have some 250. */
  readonly textLengthMax: number
  /** Addresses of one node: interfaces times transports. */
  readonly addressesMax: number
  /** Models of one node. About 100 bytes each: an entry stays well below the limit of a gossip message. */
  readonly modelsMax: number
  readonly fetchingMax: number
  readonly ratesMax: number
  readonly suspectsMax: number
  readonly pinsMax: number
  /** Copies of one pinned model. */
  readonly replicasMax: number
}

export const defaultEntryLimits: EntryLimits = {
  textLengthMax: 512,
  addressesMax: 32,
  modelsMax: 4_096,
  fetchingMax: 256,
  ratesMax: 256,
  suspectsMax: 1_024,
  pinsMax: 256,
  replicasMax: 1_024,
}

const digestPattern = /^[0-9a-f]{64}$/

type Fields = Readonly<Record<string, unknown>>

export function checkEntry(value: unknown, limits: EntryLimits = defaultEntryLimits): Entry {
  const fields = record(value, 'entry')
  const kind = entryKinds.find((known) => known === fields.kind)
  if (kind === undefined) throw malformed('kind', 'is no kind of entry')
  const check = new Checker(limits)
  return {
    kind,
    node: check.text(fields.node, 'node', 1),
    epoch: check.count(fields.epoch, 'epoch'),
    sequence: check.count(fields.sequence, 'sequence'),
    body: checkBody(kind, record(fields.body, 'body'), check),
  } as Entry
}

function checkBody(kind: EntryKind, body: Fields, check: Checker): EntryBodies[EntryKind] {
  switch (kind) {
    case 'state':
      return checkState(body, check)
    case 'residency':
      return checkResidency(body, check)
    case 'demand':
      return checkDemand(body, check)
    case 'suspicion':
      return checkSuspicion(body, check)
  }
}

function checkState(body: Fields, check: Checker): StateBody {
  return {
    zone: check.text(body.zone, 'zone', 0),
    protocolVersion: check.count(body.protocolVersion, 'protocolVersion'),
    addresses: check
      .list(body.addresses, 'addresses', check.limits.addressesMax)
      .map((address, at) => check.text(address, `addresses[${at}]`, 1)),
    bulkAddress: check.text(body.bulkAddress, 'bulkAddress', 0),
    httpUrl: check.text(body.httpUrl, 'httpUrl', 0),
    queueMs: check.amount(body.queueMs, 'queueMs'),
    tiers: tiersFromFields((name) => check.count(body[name], name)),
    draining: check.flag(body.draining, 'draining'),
    ...(body.reannounceMs === undefined ? {} : { reannounceMs: check.count(body.reannounceMs, 'reannounceMs') }),
    ...(body.pins === undefined ? {} : { pins: checkPins(body.pins, check) }),
  }
}

/** The last millisecond that a Date can say: above it there is still room for a later change. */
const changedMsMax = 8.64e15

function checkPins(value: unknown, check: Checker): PinRecord[] {
  const pins = check.list(value, 'pins', check.limits.pinsMax).map((item, at) => {
    const fields = record(item, `pins[${at}]`)
    const { tier } = fields
    if (!isLocalTier(tier)) throw malformed(`pins[${at}].tier`, 'is no tier')
    return {
      name: check.text(fields.name, `pins[${at}].name`, 1),
      replicaCount: check.countTo(check.limits.replicasMax, fields.replicaCount, `pins[${at}].replicaCount`),
      tier,
      changedMs: check.countTo(changedMsMax, fields.changedMs, `pins[${at}].changedMs`),
      by: check.text(fields.by, `pins[${at}].by`, 1),
    } satisfies PinRecord
  })
  checkRising(pins, 'pins', (pin) => pin.name)
  return pins
}

function checkResidency(body: Fields, check: Checker): ResidencyBody {
  const models = check.list(body.models, 'models', check.limits.modelsMax).map((value, at) => {
    const fields = record(value, `models[${at}]`)
    const tier = tiers.find((known) => known === fields.tier)
    if (tier === undefined) throw malformed(`models[${at}].tier`, 'is no tier')
    const model = check.digest(fields.model, `models[${at}].model`)
    return { model, tier, sizeBytes: check.count(fields.sizeBytes, `models[${at}].sizeBytes`) }
  })
  checkRising(models, 'models', (resident) => resident.model)
  if (body.fetching === undefined) return { models }
  const values = check.list(body.fetching, 'fetching', check.limits.fetchingMax)
  const fetching = values.map((value, at) => check.digest(value, `fetching[${at}]`))
  checkRising(fetching, 'fetching', (model) => model)
  return { models, fetching }
}

function checkDemand(body: Fields, check: Checker): DemandBody {
  const rates = check.list(body.rates, 'rates', check.limits.ratesMax).map((value, at) => {
    const fields = record(value, `rates[${at}]`)
    const model = check.digest(fields.model, `rates[${at}].model`)
    return { model, ratePerS: check.amount(fields.ratePerS, `rates[${at}].ratePerS`) }
  })
  checkRising(rates, 'rates', (rate) => rate.model)
  return { rates }
}

function checkSuspicion(body: Fields, check: Checker): SuspicionBody {
  const suspects = check.list(body.suspects, 'suspects', check.limits.suspectsMax).map((value, at) => {
    const fields = record(value, `suspects[${at}]`)
    return {
      node: check.text(fields.node, `suspects[${at}].node`, 1),
      epoch: check.count(fields.epoch, `suspects[${at}].epoch`),
      sequence: check.count(fields.sequence, `suspects[${at}].sequence`),
    }
  })
  checkRising(suspects, 'suspects', (suspect) => suspect.node)
  return { suspects }
}

class Checker {
  readonly limits: EntryLimits

  constructor(limits: EntryLimits) {
    this.limits = limits
  }

  text(value: unknown, name: string, lengthMin: number): string {
    if (typeof value !== 'string') throw malformed(name, 'is no text')
    if (value.length < lengthMin) throw malformed(name, 'is empty')
    if (value.length > this.limits.textLengthMax) throw malformed(name, `is longer than ${this.limits.textLengthMax}`)
    return value
  }

  digest(value: unknown, name: string): string {
    if (typeof value !== 'string' || !digestPattern.test(value)) throw malformed(name, 'is no sha256 in lower-case hex')
    return value
  }

  count(value: unknown, name: string): number {
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      throw malformed(name, 'is no whole number from 0 to 2^53 - 1')
    return value as number
  }

  countTo(maximum: number, value: unknown, name: string): number {
    const count = this.count(value, name)
    if (count > maximum) throw malformed(name, `is above ${maximum}`)
    return count
  }

  amount(value: unknown, name: string): number {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw malformed(name, 'is no finite number from 0')
    return value
  }

  flag(value: unknown, name: string): boolean {
    if (typeof value !== 'boolean') throw malformed(name, 'is neither true nor false')
    return value
  }

  list(value: unknown, name: string, lengthMax: number): readonly unknown[] {
    if (!Array.isArray(value)) throw malformed(name, 'is no list')
    if (value.length > lengthMax) throw malformed(name, `has more than ${lengthMax} items`)
    return value
  }
}

/** Sorted, each key once: what the ledger's searches rely on. */
function checkRising<T>(items: readonly T[], name: string, keyOf: (item: T) => string): void {
  for (let at = 1; at < items.length; at += 1) {
    if (!(keyOf(items[at - 1]!) < keyOf(items[at]!)))
      throw malformed(`${name}[${at}]`, 'is out of order or twice there')
  }
}

function record(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(name, 'is no record')
  return value as Fields
}

function malformed(field: string, what: string): HoldfastError {
  return new HoldfastError('PEER_PROTOCOL', `A peer sent a malformed entry: ${field} ${what}. Check its version.`, {
    details: { field },
  })
}
