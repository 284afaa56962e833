/** A network of fully connected layers, of about any size: its bytes are its weights. Vector [N,256,1,1] to probabilities [N,16]. */
import { OnnxWriter } from './onnx-writer.ts'

const inputChannels = 256
const classCount = 16
const bytesPerWeight = 4

/** @param sizeBytes of the weights, met to within a part in a hundred from a megabyte on. */
export function buildMlp(sizeBytes: number, layerCount = 2): OnnxWriter {
  const net = new OnnxWriter('mlp')
  const width = widthFor(sizeBytes, layerCount)
  let value = net.flatten(net.input('vector', [inputChannels, 1, 1]))
  for (let layer = 0; layer <= layerCount; layer += 1) value = net.relu(net.linear(`layer${layer}`, value, width))
  net.output(net.softmax('probabilities', net.linear('classes', value, classCount)))
  return net
}

/** layerCount x width^2 + (input + classes) x width = weights */
function widthFor(sizeBytes: number, layerCount: number): number {
  const linear = inputChannels + classCount
  const weights = sizeBytes / bytesPerWeight
  return Math.max(1, Math.round((Math.sqrt(linear ** 2 + 4 * layerCount * weights) - linear) / (2 * layerCount)))
}
