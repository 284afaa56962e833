import type { ModelCalls } from '../../requests/index.ts'
import type { ErrorForm } from '../http/index.ts'
import { loadingView } from './loading-view.ts'

/** {error: "message"} as the protocol has it; callers that are told to come back are told how far the model is that they wait for. */
export function protocolErrorForm(calls: Pick<ModelCalls, 'loadingAt'>): ErrorForm {
  return ({ message, cause }) => {
    const loading = calls.loadingAt(cause)
    if (loading === null) return { body: { error: message } }
    const view = loadingView(loading)
    return { body: { error: message, loading: view }, retryAfterS: view.etaSeconds }
  }
}
