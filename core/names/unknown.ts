/** The error for a name or manifest that nobody knows. A caller that may not know it gets the same words. */
import type { ModelId } from '../../common/index.ts'
import type { Failure } from '../failure.ts'

export function unknownName(name: string, hasOrigin: boolean): Failure {
  const hint = hasOrigin ? '; `holdfast ls` shows what the origin has' : ''
  return { code: 'UNKNOWN_MODEL', message: `${allAsked(hasOrigin)} knows ${name}${hint}.` }
}

export function unknownManifest(model: ModelId, hasOrigin: boolean): Failure {
  return { code: 'UNKNOWN_MODEL', message: `${allAsked(hasOrigin)} has the manifest sha256:${model}.` }
}

/** A node without an origin knows only what its peers know. */
function allAsked(hasOrigin: boolean): string {
  return hasOrigin ? 'No reachable origin or peer' : 'This node has no origin (origin.url), and no reachable peer'
}
