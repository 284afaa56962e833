/** What a machine of requests wants done, as a line to compare. Timers are left out: each adapter has its own. */
import type { RequestEffect } from '../../core/index.ts'

export function effectLine(effect: RequestEffect): string | null {
  const { kind, request } = effect
  switch (effect.kind) {
    case 'timer':
      return null
    case 'forward':
      return `${kind} ${request} model=${effect.model.slice(0, 8)} to=${effect.to} within=${ms(effect.timeoutMs)}`
    case 'bring':
      return `${kind} ${request} model=${effect.model.slice(0, 8)} within=${ms(effect.context.deadlineMs)}`
    case 'run':
      return `${kind} ${request} model=${effect.model.slice(0, 8)} within=${ms(effect.deadlineMs)}`
    case 'answer': {
      const { servedBy, servedFrom, elapsedMs, decision } = effect
      const why = decision === null ? 'sent here' : `${decision.kind} (${decision.reason})`
      return `${kind} ${request} by=${servedBy} from=${servedFrom} after=${ms(elapsedMs)} because=${why}`
    }
    case 'fail':
      return `${kind} ${request} code=${effect.failure.code}`
  }
}

function ms(value: number): string {
  return value.toFixed(3)
}
