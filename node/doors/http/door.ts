/**
 * One protocol over HTTP. It is registered in a scope of its own, so that its hooks, the form of its errors and its unknown paths touch no
 * other door.
 */
import type { FastifyInstance } from 'fastify'
import type { ErrorForm } from './errors.ts'
import type { HideFolders } from './without-folders.ts'

export interface HttpDoor {
  /** Every path below it is this door's, unknown ones too: '/v2'. '' for single paths beside those of others. */
  readonly prefix: string
  readonly errorForm: ErrorForm
  /** Paths are relative to the prefix. */
  readonly register: (scope: FastifyInstance, hide: HideFolders) => void
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Small and always answered, or an overloaded node would look like a dead one. */
    readonly isProbe?: boolean
  }
}

/** For `scope.get(path, probe, handler)`. */
export const probe = { config: { isProbe: true } } as const
