/** `holdfast bench field`: what people meet with the models and folders that they really have. Each row is a file of bench/field. */
import { bigAnswerRow } from './field/big-answer.ts'
import { onnxSuiteRow } from './field/onnx-suite.ts'
import { originGrowthRows } from './field/origin-growth.ts'
import { sessionsThreadsRow } from './field/sessions-threads.ts'
import type { Bench } from './types.ts'

/** A row that cannot be measured here says why and is left out. */
const rows: readonly Bench[] = [onnxSuiteRow, sessionsThreadsRow, bigAnswerRow, originGrowthRows]

export const fieldBench: Bench = async (context) => {
  const measured = []
  for (const row of rows) measured.push(...(await row(context)))
  return measured
}
