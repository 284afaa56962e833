/** What `holdfast open --print-path` prints: one path per file, for programs that take paths. */
import type { ModelPaths } from '../../node/models/index.ts'
import { NodeClient } from '../node-client.ts'

/** The model has to be open: its paths stay for as long as it is. */
export function readModelPaths(url: string, digest: string): Promise<ModelPaths> {
  return new NodeClient({ url, token: null }).get<ModelPaths>(`/v1/paths/${NodeClient.pathOf(`sha256:${digest}`)}`)
}

/** Paths alone on stdout, so that `$(...)` gets nothing else. */
export function printModelPaths({ files, tier }: ModelPaths, options: { isHeld: boolean }): void {
  for (const { location } of files) console.log(location)
  if (tier === 'disk') console.error('These are files of the disk tier; set memory.export for paths into memory.')
  if (!options.isHeld) console.error('The node may evict the model now: use --hold while a program reads it.')
}
