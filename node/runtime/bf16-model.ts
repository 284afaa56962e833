/**
 * Models with BF16 inputs or outputs, which the library refuses as it has no word for them. Before the conversion a cast is put between the
 * model and each of them, so that floats pass outside, all of which are BF16 numbers: casts to and fro change none.
 */
import { bf16Name } from './bf16-names.ts'
import { fieldsOf, messagesIn, textIn, varint, type WireField } from './protobuf-fields.ts'

/** Field numbers of onnx.proto. */
const model = { graph: 7 } as const
const graph = { nodes: 1, initializers: 5, inputs: 11, outputs: 12 } as const
const node = { inputs: 1, outputs: 2, operator: 4, attributes: 5 } as const
const attribute = { name: 1, integer: 3, type: 20, typeOfIntegers: 2 } as const
const value = { name: 1, type: 2 } as const
const tensorType = { ofType: 1, elementType: 1 } as const
const elementTypes = { float: 1, bfloat16: 16 } as const
const initializerName = 8

/** The model in pieces; null when none of its inputs and outputs is BF16. RangeError when it is no model. */
export function withFloatsForBf16(file: Uint8Array): Uint8Array[] | null {
  let isChanged = false
  const pieces: Uint8Array[] = []
  for (const field of fieldsOf(file)) {
    const changed = field.number === model.graph && field.content !== null ? graphWithCasts(field.content) : null
    isChanged ||= changed !== null
    pieces.push(changed === null ? field.bytes : delimited(model.graph, ...changed))
  }
  return isChanged ? pieces : null
}

function graphWithCasts(bytes: Uint8Array): Uint8Array[] | null {
  // An input with a value of the model's own stays as it is: nobody has to give it.
  const initialized = new Set<string | null>()
  for (const tensor of messagesIn(bytes, graph.initializers)) initialized.add(textIn(tensor, initializerName))
  const before: Uint8Array[] = []
  const behind: Uint8Array[] = []
  const kept: Uint8Array[] = []
  for (const field of fieldsOf(bytes)) {
    const name = bf16NameIn(field)
    if (name === null || initialized.has(name)) {
      kept.push(field.bytes)
      continue
    }
    const outside = bf16Name(name)
    if (field.number === graph.inputs) before.push(castNode(outside, name, elementTypes.bfloat16))
    else behind.push(castNode(name, outside, elementTypes.float))
    kept.push(delimited(field.number, ...floatValue(field.content!, outside)))
  }
  return before.length + behind.length > 0 ? [...before, ...kept, ...behind] : null
}

/** Null for every field that is no input or output of BF16. */
function bf16NameIn({ number, content }: WireField): string | null {
  if ((number !== graph.inputs && number !== graph.outputs) || content === null) return null
  for (const type of messagesIn(content, value.type)) {
    for (const tensor of messagesIn(type, tensorType.ofType)) {
      for (const field of fieldsOf(tensor)) {
        if (field.number === tensorType.elementType && field.integer === elementTypes.bfloat16)
          return textIn(content, value.name)
      }
    }
  }
  return null
}

function floatValue(bytes: Uint8Array, name: string): Uint8Array[] {
  return [...fieldsOf(bytes)].map((field) => {
    if (field.number === value.name) return delimited(value.name, text(name))
    if (field.number !== value.type || field.content === null) return field.bytes
    return delimited(value.type, ...[...fieldsOf(field.content)].map(floatTensor))
  })
}

function floatTensor(field: WireField): Uint8Array {
  if (field.number !== tensorType.ofType || field.content === null) return field.bytes
  const rest = [...fieldsOf(field.content)].filter(({ number }) => number !== tensorType.elementType)
  const float = integer(tensorType.elementType, elementTypes.float)
  return delimited(tensorType.ofType, float, ...rest.map(({ bytes }) => bytes))
}

function castNode(from: string, into: string, elementType: number): Uint8Array {
  const to = [
    delimited(attribute.name, text('to')),
    integer(attribute.integer, elementType),
    integer(attribute.type, attribute.typeOfIntegers),
  ]
  return delimited(
    graph.nodes,
    delimited(node.inputs, text(from)),
    delimited(node.outputs, text(into)),
    delimited(node.operator, text('Cast')),
    delimited(node.attributes, ...to),
  )
}

function text(characters: string): Uint8Array {
  return Buffer.from(characters)
}

function integer(number: number, written: number): Uint8Array {
  return Buffer.concat([varint(8 * number), varint(written)])
}

/** A field of bytes, text or a message. */
function delimited(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
  return Buffer.concat([varint(8 * number + 2), varint(sizeBytes), ...parts])
}
