/** The origin as the directory and the fetcher want it: every wait bounded, "not there" as null where names are asked for. */

import { HoldfastError, isHoldfastError, TimeLimit } from '../../common/index.ts'
import type { Origin } from '../../origin/index.ts'
import type { Clock } from '../system/index.ts'
import type { ChunkOrigin } from '../transfer/index.ts'
import type { DirectoryOrigin } from './model-directory.ts'

export function originPorts(
  origin: Origin,
  options: { readonly timeoutMs: number; readonly clock: Clock },
): DirectoryOrigin & ChunkOrigin {
  const bounded = async <T>(
    what: string,
    read: (signal: AbortSignal) => Promise<T>,
    caller?: AbortSignal,
  ): Promise<T> => {
    using limit = new TimeLimit(options.clock, options.timeoutMs, caller)
    try {
      return await read(limit.signal)
    } catch (error) {
      if (!limit.signal.aborted || caller?.aborted) throw error
      throw new HoldfastError(
        'ORIGIN_UNAVAILABLE',
        `The origin ${origin.url} did not deliver ${what} within ${options.timeoutMs} ms.`,
        {
          cause: error,
        },
      )
    }
  }
  return {
    readRef: (name) => bounded('a tag', (signal) => origin.readRef(name, { signal })),
    readManifestBytes: (digest) =>
      bounded('a manifest', async (signal) => {
        try {
          return await origin.readManifestBytes(digest, { signal })
        } catch (error) {
          if (isHoldfastError(error, 'ORIGIN_NOT_FOUND')) return null
          throw error
        }
      }),
    readRange: ({ model, file, offsetBytes, sizeBytes }, { signal: caller } = {}) =>
      bounded('a chunk', (signal) => origin.readRange(model, file, { offsetBytes, sizeBytes }, { signal }), caller),
    bulk: {
      extentsOf: ({ model, file }, { signal: caller } = {}) =>
        bounded('the places of a file', (signal) => origin.extentsOf(model, file, { signal }), caller),
      openRange: ({ model, file, ...range }, { signal: caller } = {}) =>
        bounded('an object', (signal) => origin.openRange(model, file, range, { signal }), caller),
      readInto: ({ model, file, offsetBytes }, target, { signal: caller } = {}) =>
        bounded('a chunk', (signal) => origin.readInto(model, file, offsetBytes, target, { signal }), caller),
    },
  }
}
