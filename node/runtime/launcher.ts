/** The program that starts children with less than this process has (native/launcher). */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface LaunchOptions {
  readonly isConfined: boolean
  /** Folders in which it writes. */
  readonly writable?: readonly string[]
  /** It runs when nothing else wants to. */
  readonly isBatch?: boolean
}

/** The native part lies at native/lib of the package, whether this file runs from node/runtime/ or from dist/node/runtime/. */
const places = ['../../native/lib/holdfast-launch', '../../../native/lib/holdfast-launch']

/** Null when it is not built. */
export function launcherPath(): string | null {
  const paths = places.map((place) => fileURLToPath(new URL(place, import.meta.url)))
  return paths.find((path) => existsSync(path)) ?? null
}

/** Arguments of the launcher, before the program. */
export function launchArguments({ isConfined, writable = [], isBatch = false }: LaunchOptions): string[] {
  const folders = writable.flatMap((folder) => ['--write', folder])
  return [...(isBatch ? ['--batch'] : []), ...(isConfined ? ['--read-only', ...folders] : []), '--']
}
