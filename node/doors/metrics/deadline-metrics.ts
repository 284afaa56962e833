/** Requests that deadlines refused, and the errors of the predictions behind that. */
import { Counter, Histogram, type Registry } from 'prom-client'

export interface DeadlineMetrics {
  readonly unreachableDeadlines: Counter<'where'>
  readonly predictionError: Histogram<'part'>
}

export function createDeadlineMetrics(registry: Registry): DeadlineMetrics {
  const metrics = createBoth([registry])
  for (const where of ['door', 'queue']) metrics.unreachableDeadlines.inc({ where }, 0)
  return metrics
}

function createBoth(registers: Registry[]): DeadlineMetrics {
  return {
    unreachableDeadlines: new Counter({
      name: 'holdfast_unreachable_deadlines_total',
      help: 'Requests that were not begun because they could not end in time: at the door, or in the queue of the workers.',
      labelNames: ['where'],
      registers,
    }),
    predictionError: new Histogram({
      name: 'holdfast_prediction_error_ratio',
      help: 'How far the predicted time of a part was from the actual one, over the actual one.',
      labelNames: ['part'],
      buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
      registers,
    }),
  }
}
