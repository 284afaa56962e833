/** Shows the progress of a push. */
import type { Progress } from '../node/system/index.ts'
import type { PushOptions } from '../origin/index.ts'

export function progressTo(progress: Progress): NonNullable<PushOptions['onProgress']> {
  return ({ doneBytes, totalBytes, path }) => progress.update({ doneBytes, totalBytes, note: path ?? 'finishing' })
}
