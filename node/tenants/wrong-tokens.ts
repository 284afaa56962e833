/**
 * How many wrong tokens one address may show. Beyond it no further token of that address is looked at for a while, except that of a tenant
 * (callers.ts), and one of the admin that was right from there before: a guesser behind the same router, or on the same machine, must not
 * lock the others out. So a program that shows one wrong token over and over is refused by that token alone; many different ones are guesses.
 */
import { timingSafeEqual } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { HoldfastError } from '../../common/index.ts'

export interface WrongTokenOptions {
  readonly wrongMax: number
  /** After this a wrong token does not count any more. */
  readonly windowMs: number
  /** Addresses that are watched at one time; the one that came first is forgotten. */
  readonly addressesMax: number
  /** Right tokens that are remembered for an address, those that were shown last: as many as the admin may have at one time. */
  readonly rightMax: number
}

export const defaultWrongTokenOptions: WrongTokenOptions = {
  wrongMax: 20,
  windowMs: 60_000,
  addressesMax: 4_096,
  rightMax: 64,
}

interface Watched {
  /** By the sha256 in hex: how often it was shown, and when last. */
  readonly wrong: Map<string, { count: number; atMs: number }>
  readonly right: Buffer[]
}

export class WrongTokens {
  private readonly options: WrongTokenOptions
  private readonly watched = new Map<string, Watched>()

  constructor(options: Partial<WrongTokenOptions> = {}) {
    this.options = { ...defaultWrongTokenOptions, ...options }
  }

  /** TOO_MANY_GUESSES when the token is not looked at now. */
  check(address: string, hash: Buffer, nowMs: number): void {
    const watched = this.watched.get(siteOf(address))
    if (watched === undefined) return
    const { wrongMax, windowMs } = this.options
    const { wrong } = watched
    for (const [token, { atMs }] of wrong) if (nowMs - atMs >= windowMs) wrong.delete(token)
    const itself = wrong.get(hash.toString('hex'))
    const isShownOften = itself !== undefined && itself.count >= wrongMax
    if (wrong.size < wrongMax && !isShownOften) return
    if (watched.right.some((right) => timingSafeEqual(right, hash))) return
    const firstAtMs = isShownOften ? itself.atMs : Math.min(...[...wrong.values()].map(({ atMs }) => atMs))
    const retryAfterS = Math.max(1, Math.ceil((windowMs - (nowMs - firstAtMs)) / 1000))
    throw new HoldfastError(
      'TOO_MANY_GUESSES',
      `${wrongMax} wrong tokens came from this address within ${windowMs / 1000} s, the most (http.wrongTokensMax).`,
      { details: { retryAfterS } },
    )
  }

  wrong(address: string, hash: Buffer, nowMs: number): void {
    const { wrong } = this.watch(address)
    const token = hash.toString('hex')
    wrong.set(token, { count: (wrong.get(token)?.count ?? 0) + 1, atMs: nowMs })
  }

  /** Tokens have changed: what was wrong may be right now. */
  forgetWrong(): void {
    for (const { wrong } of this.watched.values()) wrong.clear()
  }

  right(address: string, hash: Buffer): void {
    const { right } = this.watch(address)
    const place = right.findIndex((known) => timingSafeEqual(known, hash))
    if (place !== -1) right.splice(place, 1)
    right.push(hash)
    if (right.length > this.options.rightMax) right.shift()
  }

  private watch(address: string): Watched {
    const site = siteOf(address)
    const known = this.watched.get(site)
    if (known !== undefined) return known
    const [first] = this.watched.keys()
    if (this.watched.size >= this.options.addressesMax && first !== undefined) this.watched.delete(first)
    const watched: Watched = { wrong: new Map(), right: [] }
    this.watched.set(site, watched)
    return watched
  }
}

/** An IPv6 user has 2^64 addresses: its network counts as one. */
export function siteOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::') as [string, string?]
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
