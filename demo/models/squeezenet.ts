/**
 * SqueezeNet 1.0 (Iandola et al. 2016, https://arxiv.org/abs/1602.07360): 1,248,424 parameters, image [N,3,224,224] to
 * probabilities [N,1000].
 */
import { OnnxWriter, type Value } from './onnx-writer.ts'

export const squeezenetParameterCount = 1_248_424

export function buildSqueezenet(): OnnxWriter {
  const net = new OnnxWriter('squeezenet1.0')
  const pool = { kernel: 3, stride: 2, ceil: true }
  const image = net.input('image', [3, 224, 224])
  let value = net.relu(net.conv('conv1', image, { channels: 96, kernel: 7, stride: 2 }))
  value = net.maxPool(value, pool)
  value = fire(net, 'fire2', value, 16, 64)
  value = fire(net, 'fire3', value, 16, 64)
  value = fire(net, 'fire4', value, 32, 128)
  value = net.maxPool(value, pool)
  value = fire(net, 'fire5', value, 32, 128)
  value = fire(net, 'fire6', value, 48, 192)
  value = fire(net, 'fire7', value, 48, 192)
  value = fire(net, 'fire8', value, 64, 256)
  value = net.maxPool(value, pool)
  value = fire(net, 'fire9', value, 64, 256)
  value = net.relu(net.conv('conv10', value, { channels: 1000, kernel: 1 }))
  value = net.flatten(net.globalAveragePool(value))
  net.output(net.softmax('probabilities', value))
  return net
}

function fire(net: OnnxWriter, name: string, from: Value, squeeze: number, expand: number): Value {
  const narrow = net.relu(net.conv(`${name}.squeeze`, from, { channels: squeeze, kernel: 1 }))
  const left = net.relu(net.conv(`${name}.expand1x1`, narrow, { channels: expand, kernel: 1 }))
  const right = net.relu(net.conv(`${name}.expand3x3`, narrow, { channels: expand, kernel: 3, padding: 1 }))
  return net.concat(name, [left, right])
}
