/**
 * The commands of `tc` for a line that pairs of hosts share fairly: each pair has a queue of its own, and those with something to send
 * take turns, as in routers that queue fairly. So a call does not stand behind a model that goes elsewhere; and what competes
 * for the line gets equal parts of it, which TCP by itself does not give: of six transfers on one queue some stood still
 * for a minute.
 */
export interface FairLine {
  readonly device: string
  /** Of frames. */
  readonly bitsPerS: number
  readonly burstBytes: number
  /** Of each pair; what comes later is dropped, which tells TCP of the limit. */
  readonly queueBytes: number
  /** Addresses of sender and receiver. All else shares one queue more. */
  readonly pairs: readonly (readonly [string, string])[]
}

const frameBytes = 1_514
/** `tc` reads the numbers of classes as hexadecimal; these are beyond that of the line and of all else. */
const firstClass = 0x10
const [lineClass, otherClass] = [1, 2]

/** One command per line, for `tc -batch`. */
export function fairLineCommands({ device, bitsPerS, burstBytes, queueBytes, pairs }: FairLine): string[] {
  const on = `dev ${device}`
  const ownBits = Math.floor(bitsPerS / (pairs.length + 1))
  const queue = (id: string): string[] => [
    `class add ${on} parent 1:${lineClass} classid 1:${id} htb rate ${ownBits}bit ceil ${bitsPerS}bit burst ${2 * frameBytes} cburst ${2 * frameBytes} quantum ${frameBytes}`,
    `qdisc add ${on} parent 1:${id} bfifo limit ${queueBytes}`,
  ]
  return [
    `qdisc add ${on} root handle 1: htb default ${otherClass}`,
    `class add ${on} parent 1: classid 1:${lineClass} htb rate ${bitsPerS}bit burst ${burstBytes} cburst ${burstBytes}`,
    ...queue(String(otherClass)),
    ...pairs.flatMap(([from, to], index) => {
      const id = (firstClass + index).toString(16)
      const match = `match ip src ${from}/32 match ip dst ${to}/32`
      return [...queue(id), `filter add ${on} parent 1: protocol ip prio 1 u32 ${match} flowid 1:${id}`]
    }),
  ]
}
