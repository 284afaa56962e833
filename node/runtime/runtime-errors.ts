/** What ONNX Runtime says of a model, as an error of ours: it reports by text only, with paths of its sources and of this machine. */
import { type ErrorCode, HoldfastError } from '../../common/index.ts'

interface Kind {
  readonly pattern: RegExp
  readonly code: ErrorCode
  readonly say: (text: string) => string
}

const kinds: readonly Kind[] = [
  {
    // Its own check, which a test holds it to: a hostile model must not have other files of this machine read as weights.
    pattern: /escapes (?:model|both model) directory|absolute path not allowed|outside of its folder/i,
    code: 'BAD_MODEL_FILE',
    say: (text) => `The model wants weights from outside of its folder: ${text}`,
  },
  {
    pattern: /unsupported model IR version|under development|ONNX Runtime only \*guarantees\*|opset \d+ is/i,
    code: 'MODEL_TOO_NEW',
    say: (text) => `The model is newer than this runtime; export it for an older version: ${text}`,
  },
  {
    pattern: /No Op registered for|is not a registered function\/op|Could not find an implementation|NOT_IMPLEMENTED/i,
    code: 'UNSUPPORTED_OPERATOR',
    say: (text) => `The runtime does not have an operator of the model: ${text}`,
  },
  {
    pattern:
      /Unsupported data type|Unsupported tensor data type|unsupported (?:tensor )?type|data type .* is not supported/i,
    code: 'UNSUPPORTED_TYPE',
    say: (text) => `The runtime does not take a type of the model: ${text}`,
  },
  {
    pattern: /external data|external_data|External initializer|\.data\b.*(?:exist|open)/i,
    code: 'NOT_RUNNABLE',
    say: (text) =>
      `The model keeps weights in files beside it, which are not there; push them too, or export it as one file: ${text}`,
  },
  {
    pattern: /no space left|failed to (?:save|write)/i,
    code: 'DISK_FAILED',
    say: (text) => `The converted model could not be written: ${text}`,
  },
]

/** Of a model that is not taken: too new, an operator, a type, files that lack, the disk, or malformed. */
export function errorOfModel(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error
  const text = withoutPlaces(error instanceof Error ? error.message : String(error))
  const kind = kinds.find(({ pattern }) => pattern.test(text))
  if (kind === undefined)
    return new HoldfastError('BAD_MODEL_FILE', `The runtime does not take the model file: ${text}`)
  return new HoldfastError(kind.code, kind.say(text))
}

/** Of a run that failed. */
export function errorOfRun(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error
  const text = withoutPlaces(error instanceof Error ? error.message : String(error))
  return new HoldfastError('INFERENCE_FAILED', `The runtime failed: ${text}`, { cause: error })
}

/** Without the lines of its sources, and of each path only the last name: the rest is of this machine, and nobody else's matter. */
export function withoutPlaces(text: string): string {
  return text
    .replace(/^Load model from .*? failed:\s*/s, '')
    .replace(/\/onnxruntime_src\/\S+:\d+ .*?\) (?=[A-Z'"])/gs, '')
    .replace(/\/onnxruntime_src\/\S+/g, 'the runtime')
    .replace(/(?:\/[^\s/'"`:,()[\]]+)+\/(?=[^\s/'"`:,()[\]]+)/g, '')
    .trim()
}
