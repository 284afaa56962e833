/** The folder of memory.export: a file system in memory has a size of its own, of which a container often gets little. */
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { formatBytes } from '../../common/index.ts'
import { formatBinaryBytes } from '../config/index.ts'
import { memoryLimitOf } from './memory.ts'
import { fail, ok, type Patient, type Verdict } from './types.ts'

export async function checkExportFolder({ options, memory }: Patient): Promise<Verdict[]> {
  const path = options['memory.export']
  if (path === '') return []
  const { blocks, bsize } = await statfs(await existingFolder(path))
  return [judgeExportFolder({ path, limitBytes: memoryLimitOf(options, memory), sizeBytes: blocks * bsize })]
}

export interface ExportFacts {
  readonly path: string
  readonly limitBytes: number
  /** Of the file system. */
  readonly sizeBytes: number
}

export function judgeExportFolder({ path, limitBytes, sizeBytes }: ExportFacts): Verdict {
  const has = `the file system of memory.export (${path}) holds ${formatBytes(sizeBytes)}`
  if (limitBytes <= sizeBytes) return ok(has)
  return fail(
    `memory.limitBytes is ${formatBinaryBytes(limitBytes)}; ${has}`,
    `Mount it larger, as in \`mount -o remount,size=${formatBinaryBytes(limitBytes)}\`, or lower memory.limitBytes.`,
  )
}

/** The folder itself, or the nearest one above it that exists, in which it would be made. */
export async function existingFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      await statfs(folder)
      return folder
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === dirname(folder)) throw error
    }
  }
}
