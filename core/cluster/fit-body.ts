/**
 * What this node says has to be what others take: a list that is longer than their limit, or a text or a time that they refuse, would cost
 * it their trust. So what does not fit is left out where it is said.
 */
import { localTiers } from '../../common/index.ts'
import type { EntryBodies, EntryKind, ResidentModel } from '../events.ts'
import type { EntryLimits } from './entry-checker.ts'
import { compareIds } from './order.ts'

type Fit<K extends EntryKind> = (body: EntryBodies[K], limits: EntryLimits) => EntryBodies[K]

const fits: { readonly [K in EntryKind]: Fit<K> } = {
  state: (body, { addressesMax, textLengthMax, pinsMax, tenantsMax }) => {
    const { name, version, pins, tenants } = body
    const cut = (text: string) => text.slice(0, textLengthMax)
    return {
      ...body,
      zone: cut(body.zone),
      // Half an address or URL leads nowhere.
      bulkAddress: body.bulkAddress.length <= textLengthMax ? body.bulkAddress : '',
      httpUrl: body.httpUrl.length <= textLengthMax ? body.httpUrl : '',
      addresses: body.addresses.filter((text) => text.length <= textLengthMax).slice(0, addressesMax),
      ...(name === undefined ? {} : { name: cut(name) }),
      ...(version === undefined ? {} : { version: cut(version) }),
      ...(pins === undefined ? {} : { pins: pins.slice(0, pinsMax) }),
      ...(tenants === undefined ? {} : { tenants: tenants.slice(0, tenantsMax) }),
    }
  },
  residency: (body, { modelsMax, fetchingMax }) => {
    const { models, fetching } = body
    if (models.length <= modelsMax && (fetching?.length ?? 0) <= fetchingMax) return body
    const kept = models.length <= modelsMax ? models : fastest(models, modelsMax)
    return { models: kept, ...(fetching === undefined ? {} : { fetching: fetching.slice(0, fetchingMax) }) }
  },
  demand: (body, { ratesMax }) => {
    if (body.rates.length <= ratesMax) return body
    const rates = body.rates.toSorted((a, b) => b.ratePerS - a.ratePerS).slice(0, ratesMax)
    return { rates: rates.sort((a, b) => compareIds(a.model, b.model)) }
  },
  suspicion: (body, { suspectsMax }) => {
    return body.suspects.length <= suspectsMax ? body : { suspects: body.suspects.slice(0, suspectsMax) }
  },
}

export function fitBody<K extends EntryKind>(kind: K, body: EntryBodies[K], limits: EntryLimits): EntryBodies[K] {
  return fits[kind](body, limits)
}

/** Those in the fastest tiers, in order of ids: a request is better sent to memory than to a disk. */
function fastest(models: readonly ResidentModel[], countMax: number): ResidentModel[] {
  const rank = (model: ResidentModel) => localTiers.indexOf(model.tier as (typeof localTiers)[number])
  const byTier = models.toSorted((a, b) => rank(a) - rank(b) || compareIds(a.model, b.model))
  return byTier.slice(0, countMax).sort((a, b) => compareIds(a.model, b.model))
}
