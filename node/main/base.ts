/** What every other step of the composition is given: options, paths, the state store, clock and log. */
import { dirname } from 'node:path'
import type { NodeOptions } from '../config/index.ts'
import type { StateStore } from '../ports/index.ts'
import { openLevelState } from '../state/index.ts'
import { type Clock, type Log, makeFolder, type NodePaths, nodePaths } from '../system/index.ts'
import type { Parts } from './part.ts'

export interface Base {
  readonly options: NodeOptions
  readonly paths: NodePaths
  readonly state: StateStore
  readonly clock: Clock
  readonly log: Log
  /** In milliseconds since 1970. */
  readonly startedMs: number
}

export async function openBase(options: NodeOptions, clock: Clock, log: Log, parts: Parts): Promise<Base> {
  const paths = nodePaths(options)
  await makeFolder(paths.dataPath, 0o700)
  await makeFolder(dirname(paths.socketPath), 0o755)
  const state = await openLevelState(paths.statePath)
  await parts.start([{ name: 'state', stop: () => state.close() }])
  return { options, paths, state, clock, log, startedMs: clock.wallMs() }
}
