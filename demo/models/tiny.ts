/**
 * A small convolutional network, some 100 KB: every kind of layer that the large ones have, for tests that need a real model
 * and no patience. Image [N,3,32,32] to probabilities [N,10].
 */
import { OnnxWriter } from './onnx-writer.ts'

export const tinyParameterCount = 24_810

export function buildTiny(): OnnxWriter {
  const net = new OnnxWriter('tiny')
  const pool = { kernel: 2, stride: 2 }
  const image = net.input('image', [3, 32, 32])
  let value = net.relu(
    net.batchNorm('bn1', net.conv('conv1', image, { channels: 16, kernel: 3, padding: 1, bias: false })),
  )
  value = net.maxPool(value, pool)
  value = net.relu(net.conv('conv2', value, { channels: 32, kernel: 3, padding: 1 }))
  value = net.maxPool(value, pool)
  value = net.relu(net.conv('conv3', value, { channels: 64, kernel: 3, padding: 1 }))
  value = net.flatten(net.globalAveragePool(value))
  value = net.relu(net.linear('fc1', value, 16))
  net.output(net.softmax('probabilities', net.linear('fc2', value, 10)))
  return net
}
