/** A fetch to which nothing can come any more, and what its error says. */
import type { ChunkState } from './chunk-state.ts'
import type { Fetch } from './fetch.ts'
import { originKey } from './source-stats.ts'

export function isOriginUsable({ originAllowed, givenUp }: Fetch): boolean {
  return originAllowed && !givenUp.has(originKey)
}

export function describeStuck(fetch: Fetch, stuck: ChunkState): string {
  const peers = [...new Set([...stuck.barred, ...fetch.givenUp.keys()])].filter((key) => key !== originKey)
  const origin = !fetch.originAllowed
    ? 'the origin was not to be asked'
    : stuck.originMismatches > 0
      ? 'the origin sends bytes with another sha256'
      : stuck.barred.has(originKey)
        ? 'the origin does not have it'
        : 'the origin does not answer'
  const asked = peers.length === 0 ? 'no peer has it' : `peers that failed: ${peers.sort().join(', ')}`
  return `no source is left for chunk ${stuck.chunk.sha256} of model ${fetch.model}: ${origin}; ${asked}. Check the origin, then ask again.`
}
