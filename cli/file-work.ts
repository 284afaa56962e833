/** The work on files that commands give to their origin: native threads where the native part is built, else what Node has. */
import type { FileWork } from '../native/index.ts'

export async function fileWorkHere(): Promise<{ readonly work?: FileWork }> {
  const { nativeFileWork } = await import('../native/index.ts')
  const work = nativeFileWork()
  return work === null ? {} : { work }
}
