/** How far a simulation is, on stderr: simulated time of one run, or runs of many. Nothing with --json. */

import { startProgress } from '../../node/system/index.ts'
import { formatSpan } from '../../sim/report/index.ts'

export interface SimProgress {
  update(done: number): void
  end(): void
}

export function timeProgress(title: string, durationS: number, isShown: boolean): Promise<SimProgress> {
  return progressOf(title, durationS, formatSpan, isShown)
}

export function runsProgress(title: string, runCount: number, isShown: boolean): Promise<SimProgress> {
  const format = (count: number) => `${Number(count.toFixed(1))} ${count === 1 ? 'run' : 'runs'}`
  return progressOf(title, runCount, format, isShown)
}

async function progressOf(
  title: string,
  total: number,
  format: (amount: number) => string,
  isShown: boolean,
): Promise<SimProgress> {
  if (!isShown) return { update: () => {}, end: () => {} }
  const progress = await startProgress({ title, stream: process.stderr, nowMs: () => performance.now(), format })
  return {
    update: (done) => progress.update({ doneBytes: done, totalBytes: total }),
    end: () => progress.end(),
  }
}
