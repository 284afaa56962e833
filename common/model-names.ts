/**
 * The parts of model names, and names that are written without a namespace, as clients of Triton and KServe write them: `resnet50` is
 * `library/resnet50`.
 */

/** Namespace of names that are written without one. */
export const defaultNamespace = 'library'

/** Longest namespace or name. A key of an S3 object has 1024 bytes, of which three parts and a prefix must fit. */
export const modelNamePartLengthMax = 96

/** A letter, digit or underscore first, so that neither '..' nor a hidden file nor an option of a command can be spelled. */
const partPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/

export function isModelNamePart(text: string): boolean {
  return partPattern.test(text)
}

/** The name in full; digests and names with a namespace as they are. An empty namespace completes nothing. */
export function withNamespace(text: string, namespace = ''): string {
  const isFlat = text !== '' && !text.includes('/') && !text.startsWith('sha256:')
  return isFlat && namespace !== '' ? `${namespace}/${text}` : text
}
