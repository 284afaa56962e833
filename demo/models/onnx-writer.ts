/**
 * Builds an ONNX graph layer by layer and plans its file: ModelProto with initializers as raw_data.
 * Field numbers and operators: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto and docs/Operators.md, opset 17.
 *
 * Layers take and return names of values and the number of channels goes with them, so that an architecture reads like its
 * paper. The first dimension of input and output is the symbol N: any batch size.
 */
import type { Piece } from './pieces.ts'
import { type Field, float, integer, mergePieces, message, text } from './protobuf.ts'
import { type Distribution, heDistribution, weights } from './weights.ts'

const opsetVersion = 17
const irVersion = 8
const float32 = 1

/** The output of a layer. */
export interface Value {
  readonly name: string
  readonly channels: number
}

export interface ConvOptions {
  readonly channels: number
  readonly kernel: number
  readonly stride?: number
  readonly padding?: number
  /** False where a batch normalisation follows. */
  readonly bias?: boolean
}

export interface PoolOptions {
  readonly kernel: number
  readonly stride: number
  readonly padding?: number
  /** Rounds the output size up, as Caffe did. */
  readonly ceil?: boolean
}

type Attributes = Readonly<Record<string, number | readonly number[] | { readonly float: number }>>

export class OnnxWriter {
  readonly #name: string
  readonly #nodes: Field[] = []
  readonly #initializers: Field[] = []
  readonly #inputs: Field[] = []
  readonly #outputs: Field[] = []
  #parameters = 0

  constructor(name: string) {
    this.#name = name
  }

  /** Floats in initializers. */
  get parameterCount(): number {
    return this.#parameters
  }

  input(name: string, shape: readonly [number, number, number]): Value {
    this.#inputs.push(valueInfo(11, name, shape))
    return { name, channels: shape[0] }
  }

  output(value: Value): void {
    this.#outputs.push(valueInfo(12, value.name, [value.channels]))
  }

  conv(name: string, from: Value, options: ConvOptions): Value {
    const { channels, kernel, stride = 1, padding = 0, bias = true } = options
    const fanIn = from.channels * kernel * kernel
    const inputs = [
      from.name,
      this.#weight(`${name}.weight`, [channels, from.channels, kernel, kernel], heDistribution(fanIn)),
    ]
    if (bias) inputs.push(this.#weight(`${name}.bias`, [channels], { halfWidth: 0.01 }))
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: four(padding) }
    return this.#node('Conv', name, inputs, channels, attributes)
  }

  /** `gain` is the scale's mean: below 1 at the end of residual branches, whose sum would otherwise grow with depth. */
  batchNorm(name: string, from: Value, gain = 1): Value {
    const channels = from.channels
    const inputs = [
      from.name,
      this.#weight(`${name}.weight`, [channels], { mean: gain, halfWidth: 0.1 }),
      this.#weight(`${name}.bias`, [channels], { halfWidth: 0.1 }),
      this.#weight(`${name}.running_mean`, [channels], { halfWidth: 0.1 }),
      this.#weight(`${name}.running_var`, [channels], { mean: 1, halfWidth: 0.2 }),
    ]
    return this.#node('BatchNormalization', name, inputs, channels, { epsilon: { float: 1e-5 } })
  }

  /** Fully connected, weights as [out, in]. Takes a flattened value. */
  linear(name: string, from: Value, channels: number, distribution = heDistribution(from.channels)): Value {
    const weight = this.#weight(`${name}.weight`, [channels, from.channels], distribution)
    const bias = this.#weight(`${name}.bias`, [channels], { halfWidth: 0.01 })
    return this.#node('Gemm', name, [from.name, weight, bias], channels, { transB: 1 })
  }

  relu(from: Value): Value {
    return this.#node('Relu', `${from.name}.relu`, [from.name], from.channels)
  }

  maxPool(from: Value, options: PoolOptions): Value {
    const { kernel, stride, padding = 0, ceil = false } = options
    const attributes = {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: four(padding),
      ceil_mode: ceil ? 1 : 0,
    }
    return this.#node('MaxPool', `${from.name}.pool`, [from.name], from.channels, attributes)
  }

  globalAveragePool(from: Value): Value {
    return this.#node('GlobalAveragePool', `${from.name}.mean`, [from.name], from.channels)
  }

  add(name: string, left: Value, right: Value): Value {
    return this.#node('Add', name, [left.name, right.name], left.channels)
  }

  concat(name: string, parts: readonly Value[]): Value {
    const channels = parts.reduce((sum, part) => sum + part.channels, 0)
    return this.#node(
      'Concat',
      name,
      parts.map((part) => part.name),
      channels,
      { axis: 1 },
    )
  }

  /** `area` is the number of pixels of each channel, 1 after a global pool. */
  flatten(from: Value, area = 1): Value {
    return this.#node('Flatten', `${from.name}.flat`, [from.name], from.channels * area, { axis: 1 })
  }

  softmax(name: string, from: Value): Value {
    return this.#node('Softmax', name, [from.name], from.channels, { axis: 1 })
  }

  pieces(): Piece[] {
    const graph = [...this.#nodes, text(2, this.#name), ...this.#initializers, ...this.#inputs, ...this.#outputs]
    const note = [text(1, 'weights'), text(2, 'seeded random numbers in the published architecture; not trained')]
    return mergePieces(
      [
        integer(1, irVersion),
        text(2, 'holdfast'),
        message(7, graph),
        message(8, [text(1, ''), integer(2, opsetVersion)]),
        message(14, note),
      ].flat(),
    )
  }

  #weight(name: string, shape: readonly number[], distribution: Distribution): string {
    const values = weights(`${this.#name}/${name}`, 'F32', shape, distribution)
    this.#parameters += values.count
    const dims = shape.map((size) => integer(1, size))
    this.#initializers.push(message(5, [...dims, integer(2, float32), text(8, name), message(9, [[values]])]))
    return name
  }

  #node(type: string, name: string, inputs: readonly string[], channels: number, attributes: Attributes = {}): Value {
    this.#nodes.push(
      message(1, [
        ...inputs.map((input) => text(1, input)),
        text(2, name),
        text(3, name),
        text(4, type),
        ...Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      ]),
    )
    return { name, channels }
  }
}

function attribute(name: string, value: Attributes[string]): Field {
  if (Array.isArray(value)) return message(5, [text(1, name), ...value.map((item) => integer(8, item)), integer(20, 7)])
  if (typeof value === 'object')
    return message(5, [text(1, name), float(2, (value as { float: number }).float), integer(20, 1)])
  return message(5, [text(1, name), integer(3, value), integer(20, 2)])
}

/** ValueInfoProto of a float tensor [N, ...shape]. */
function valueInfo(field: number, name: string, shape: readonly number[]): Field {
  const dims = [message(1, [text(2, 'N')]), ...shape.map((size) => message(1, [integer(1, size)]))]
  return message(field, [text(1, name), message(2, [message(1, [integer(1, float32), message(2, dims)])])])
}

function four(value: number): number[] {
  return [value, value, value, value]
}
