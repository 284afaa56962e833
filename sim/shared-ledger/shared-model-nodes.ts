/**
 * The nodes that have a model, shared by all ledgers of a simulated cluster that believe the same of it.
 *
 * A popular model has hundreds of holders, and a thousand ledgers of one process believe the same but for the moments in which a
 * message is on its way: they share it, as they share pages (ledger-pages.ts). A change leads from one to the next, and that step is
 * remembered; changes in another order come to equal ones, which are found by their hash.
 */
import { type ModelId, tierTable } from '../../common/index.ts'
import {
  changedNodes,
  type Holder,
  type Interner,
  isEqualNodes,
  isSameResident,
  type ModelChange,
  type ModelNodes,
  modelNodes,
  type ResidentModel,
} from '../../core/index.ts'

export class SharedNodes implements ModelNodes {
  readonly holders: readonly number[]
  readonly residents: readonly ResidentModel[]
  readonly fetchers: readonly number[]
  /** Xor of the hashes of all of these. */
  readonly hash: number
  step: Step | null = null

  constructor({ holders, residents, fetchers }: ModelNodes, nodeHashOf: (index: number) => number) {
    this.holders = holders
    this.residents = residents
    this.fetchers = fetchers
    let hash = 0
    for (let at = 0; at < holders.length; at += 1) hash ^= holderHash(nodeHashOf(holders[at]!), residents[at]!)
    for (let at = 0; at < fetchers.length; at += 1) hash ^= mix(nodeHashOf(fetchers[at]!) ^ fetchingMark)
    this.hash = hash
  }
}

interface Step {
  readonly index: number
  readonly change: ModelChange
  readonly next: SharedNodes
}

/** Versions of one model that are kept to be found again: as many as there are changes of it under way, and some. */
const knownMax = 16

export class SharedModelNodes {
  private readonly ids: Interner
  private readonly known = new Map<ModelId, SharedNodes[]>()

  constructor(ids: Interner) {
    this.ids = ids
  }

  /** @param holders and fetchers in any order. */
  create(model: ModelId, holders: readonly Holder[], fetchers: readonly number[]): SharedNodes {
    return this.meet(model, this.hashed(modelNodes(holders, fetchers, this.ids)))
  }

  /** What becomes of it when a node says something else of the model. */
  next(from: SharedNodes, index: number, change: ModelChange): SharedNodes {
    const { step } = from
    if (step !== null && step.index === index && isSameChange(step.change, change)) return step.next
    const next = this.meet(change.model, this.hashed(changedNodes(from, index, change, this.ids)))
    from.step = { index, change, next }
    return next
  }

  private hashed(nodes: ModelNodes): SharedNodes {
    return new SharedNodes(nodes, (index) => this.ids.hash(index))
  }

  /** The one of equal content that others have, or this one from now on. */
  private meet(model: ModelId, made: SharedNodes): SharedNodes {
    const known = this.known.get(model)
    if (known === undefined) {
      this.known.set(model, [made])
      return made
    }
    const equal = known.find((one) => one.hash === made.hash && isEqualNodes(one, made))
    if (equal !== undefined) return equal
    known.push(made)
    // Its step goes with it: a ledger that was left behind would hold all versions since by the chain of steps.
    if (known.length > knownMax) known.shift()!.step = null
    return made
  }
}

const fetchingMark = 0x2545f491

function holderHash(nodeHash: number, { tier, sizeBytes }: ResidentModel): number {
  return mix(nodeHash ^ Math.imul(tierTable[tier].wireNumber + 1, 0x1b873593) ^ Math.imul(sizeBytes | 0, 0x9e3779b1))
}

/** The finalizer of murmur3. */
function mix(word: number): number {
  let value = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return value ^ (value >>> 16)
}

function isSameChange(a: ModelChange, b: ModelChange): boolean {
  if (a === b) return true
  return a.fetching === b.fetching && (a.holder === b.holder || isSameHolder(a.holder, b.holder))
}

function isSameHolder(a: ModelChange['holder'], b: ModelChange['holder']): boolean {
  return a != null && b != null && isSameResident(a.resident, b.resident)
}
