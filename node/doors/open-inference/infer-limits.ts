/** What a request may ask a node to hold in memory. */
export interface InferLimits {
  /** Tensors in a request, and outputs asked for. */
  readonly tensorsMax: number
  /** Of one tensor. */
  readonly dimensionsMax: number
  /** Of all tensors that a request has as JSON. */
  readonly elementsMax: number
  /** Characters of ids and of names of tensors. */
  readonly nameLengthMax: number
  /** JSON that is no tensor data: names, shapes, parameters. */
  readonly jsonLimitBytes: number
}

/** A decoder of 126 layers has 253 inputs; frameworks name tensors by the path of a layer. */
export const defaultInferLimits: InferLimits = {
  tensorsMax: 1024,
  dimensionsMax: 32,
  elementsMax: 16 * 1024 * 1024,
  nameLengthMax: 1024,
  jsonLimitBytes: 1024 * 1024,
}
