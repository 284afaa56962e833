/**
 * What has to be known of an ONNX file before the runtime sees it, field by field:
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { fieldsOf, messagesIn, textIn, varint } from './protobuf-fields.ts'

const model = { irVersion: 1, graph: 7, functions: 25 } as const
const graph = { nodes: 1, initializers: 5, inputs: 11, sparseInitializers: 15 } as const
const node = { attributes: 5 } as const
const attribute = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparse: 22, sparses: 23 } as const
const tensor = { name: 8, externalData: 13 } as const
const sparseTensor = { values: 1, indices: 2 } as const
const functionNodes = 7
const valueName = 1
const entry = { key: 1, value: 2 } as const
/** From this version of the format on an initializer need not be an input. */
const freeInitializersIrVersion = 4

/**
 * The model without the inputs that have an initializer, in pieces of the file; null when there are none. Nothing else
 * changes: the runtime does not ask callers for such an input, but its conversion asks for one whose initializer was folded away.
 */
export function withoutInitializedInputs(file: Uint8Array): Uint8Array[] | null {
  const pieces: Uint8Array[] = []
  let isChanged = false
  for (const field of fieldsOf(file)) {
    if (field.number === model.graph && field.content !== null) {
      const kept = graphWithoutInitializedInputs(field.content)
      isChanged ||= kept !== null
      if (kept === null) pieces.push(field.bytes)
      else pieces.push(varint(model.graph * 8 + 2), varint(sizeOf(kept)), ...kept)
    } else if (field.number === model.irVersion && field.integer !== null) {
      pieces.push(varint(model.irVersion * 8), varint(Math.max(freeInitializersIrVersion, field.integer)))
    } else {
      pieces.push(field.bytes)
    }
  }
  return isChanged ? pieces : null
}

/** Paths of the files beside the model in which its weights lie, as the model names them, each once. */
export function externalFilesOf(file: Uint8Array): string[] {
  const paths = new Set<string>()
  for (const field of fieldsOf(file)) {
    if (field.content === null) continue
    if (field.number === model.graph) addGraphFiles(field.content, paths)
    if (field.number === model.functions)
      for (const body of messagesIn(field.content, functionNodes)) addNodeFiles(body, paths)
  }
  return [...paths]
}

function graphWithoutInitializedInputs(bytes: Uint8Array): Uint8Array[] | null {
  const fields = [...fieldsOf(bytes)]
  const initialized = new Set<string | null>()
  for (const { number, content } of fields) {
    if (number === graph.initializers && content !== null) initialized.add(textIn(content, tensor.name))
    if (number === graph.sparseInitializers && content !== null)
      for (const values of messagesIn(content, sparseTensor.values)) initialized.add(textIn(values, tensor.name))
  }
  const kept = fields.filter(
    ({ number, content }) =>
      number !== graph.inputs || content === null || !initialized.has(textIn(content, valueName)),
  )
  return kept.length === fields.length ? null : kept.map((field) => field.bytes)
}

function addGraphFiles(bytes: Uint8Array, paths: Set<string>): void {
  for (const { number, content } of fieldsOf(bytes)) {
    if (content === null) continue
    if (number === graph.initializers) addTensorFile(content, paths)
    if (number === graph.sparseInitializers) addSparseFiles(content, paths)
    if (number === graph.nodes) addNodeFiles(content, paths)
  }
}

function addNodeFiles(bytes: Uint8Array, paths: Set<string>): void {
  for (const given of messagesIn(bytes, node.attributes)) {
    for (const { number, content } of fieldsOf(given)) {
      if (content === null) continue
      if (number === attribute.tensor || number === attribute.tensors) addTensorFile(content, paths)
      if (number === attribute.sparse || number === attribute.sparses) addSparseFiles(content, paths)
      if (number === attribute.graph || number === attribute.graphs) addGraphFiles(content, paths)
    }
  }
}

function addSparseFiles(bytes: Uint8Array, paths: Set<string>): void {
  for (const { number, content } of fieldsOf(bytes)) {
    if (content !== null && (number === sparseTensor.values || number === sparseTensor.indices))
      addTensorFile(content, paths)
  }
}

function addTensorFile(bytes: Uint8Array, paths: Set<string>): void {
  for (const pair of messagesIn(bytes, tensor.externalData)) {
    const location = textIn(pair, entry.value)
    if (textIn(pair, entry.key) === 'location' && location !== null) paths.add(location)
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}
