/**
 * The cache of the Hugging Face hub: a repository is a folder `models--<owner>--<name>`, in which each revision below
 * `snapshots/` is made of links to the files in `blobs/`.
 */
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

const repositoryName = /^(?:models|datasets|spaces)--/
const inSnapshot = /^(.*\/(?:models|datasets|spaces)--[^/]+)\/snapshots\/[^/]+(?:\/|$)/

/** The folder of blobs that links of this real folder may lead to; null when it is in no snapshot. */
export function blobsOf(folder: string): string | null {
  const match = inSnapshot.exec(folder)
  return match ? join(match[1]!, 'blobs') : null
}

export const isRepository = (folder: string): boolean => repositoryName.test(basename(folder))

/** The snapshot that the branch `main` names; null when there is no such file. */
export async function mainSnapshot(repository: string): Promise<string | null> {
  try {
    const revision = (await readFile(join(repository, 'refs', 'main'), 'latin1')).trim()
    return /^[0-9a-zA-Z._-]{1,64}$/.test(revision) ? join(repository, 'snapshots', revision) : null
  } catch {
    return null // Not downloaded by branch.
  }
}

/** `owner/name` of `models--owner--name`; null for any other folder, and for a name that no owner has. */
export function repositoryModel(folder: string): string | null {
  const [kind, owner, name, ...more] = basename(folder).split('--')
  return kind === 'models' && owner && name && more.length === 0 ? `${owner}/${name}` : null
}
