/** When what goes wrong: a function of the seed alone, so that a run can be repeated. */
import { createPrng, type Prng } from '../../common/index.ts'
import { type Fault, type FaultKind, faultKinds, isOfOneNode } from './faults.ts'

export interface FaultPlanOptions {
  readonly seed: number
  readonly seconds: number
  readonly nodeCount: number
}

/** Faults follow one another; between two of them all comes to rest, so that the recovery from each is seen. */
const secondsPerFault = 12
/** Of its slot: the longest that a fault lasts. */
const longestShare = 0.5
const shortestShare = 0.2
/** In a short run slots are as short as a fault can be that is noticed at all. */
const shortestSlotS = 4

/** Every kind comes as often as any other, but for one; in an order, with lengths and at nodes that the seed decides. */
export function planFaults({ seed, seconds, nodeCount }: FaultPlanOptions): Fault[] {
  const random = createPrng(seed)
  const slotS = Math.min(secondsPerFault, Math.max(shortestSlotS, seconds / faultKinds.length))
  const count = Math.floor(seconds / slotS)
  return kindsFor(count, random).map((kind, slot) => {
    const share = shortestShare + (longestShare - shortestShare) * random.float()
    const beginS = slot * slotS
    const node = isOfOneNode(kind) ? random.int(nodeCount) : null
    return { kind, node, beginS, endS: beginS + share * slotS }
  })
}

function kindsFor(count: number, random: Prng): FaultKind[] {
  const kinds: FaultKind[] = []
  while (kinds.length < count) kinds.push(...shuffled(faultKinds, random))
  return kinds.slice(0, count)
}

function shuffled<T>(items: readonly T[], random: Prng): T[] {
  const left = [...items]
  return items.map(() => left.splice(random.int(left.length), 1)[0]!)
}
