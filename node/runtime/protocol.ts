/**
 * Messages between the pool and its worker processes, by structured clone: tensors travel as bytes, never as JSON numbers.
 * Both ends are of one version, as the pool starts its workers from its own files.
 */
import type { ErrorCode } from '../../common/index.ts'
import type { ChildConfinement, ModelSignature, TensorValue } from '../ports/index.ts'
import type { SentTensor, TensorPart } from './tensor-parts.ts'

/** Command line of a worker, as JSON. */
export interface WorkerSettings {
  readonly weightsModule: string
  readonly weightsSource: string
  /** Goes by the environment, not by the arguments. */
  readonly storeToken: string
  /** Of a session, and of all pools of the worker. */
  readonly wanted: number
  readonly poolThreadsMax: number
  readonly answerBytesMax: number
  /** Private memory that one run, or the making of one session, may take. */
  readonly runBytesMax: number
  readonly isConfined: boolean
  /** It computes when nothing else wants to: models that held up others. */
  readonly isBatch: boolean
}

export type WorkerRequest =
  | { readonly kind: 'load'; readonly digest: string }
  | { readonly kind: 'unload'; readonly digest: string }
  | {
      readonly kind: 'infer'
      readonly digest: string
      readonly inputs: readonly TensorValue[]
      readonly outputs: readonly string[] | undefined
    }

export interface WorkerAnswers {
  load: ModelSignature
  unload: null
  infer: TensorValue[]
}

/** A request as it is sent. */
export type SentRequest =
  | Exclude<WorkerRequest, { kind: 'infer' }>
  | (Omit<Extract<WorkerRequest, { kind: 'infer' }>, 'inputs'> & { readonly inputs: readonly SentTensor[] })

export interface Envelope {
  readonly kind: 'request'
  readonly id: number
  readonly request: SentRequest
}

export interface RemoteError {
  readonly code: ErrorCode
  readonly message: string
}

export type WorkerMessage =
  | { readonly kind: 'ready'; readonly confinement: ChildConfinement }
  | TensorPart
  | { readonly kind: 'tensors'; readonly id: number; readonly tensors: readonly SentTensor[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value: WorkerAnswers['load' | 'unload'] }
  | { readonly kind: 'error'; readonly id: number; readonly error: RemoteError }

/** What the process that converts is told, and what it answers. */
export interface DeriveRequest {
  readonly inputPath: string
  readonly outputPath: string
  /** False: the model is to be packed as it is, since its conversion ended the process. */
  readonly mayConvert: boolean
  /** Private memory that the conversion may take. */
  readonly memoryBytesMax: number
  readonly isConfined: boolean
}

export type DeriveMessage = { readonly kind: 'confined'; readonly confinement: ChildConfinement } | DeriveAnswer

export type DeriveAnswer = { readonly kind: 'derived' } | { readonly kind: 'error'; readonly error: RemoteError }
