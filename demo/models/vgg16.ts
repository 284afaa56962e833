/**
 * VGG-16 (Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556): 138,357,544 parameters, 528 MiB, three quarters of
 * them in one fully connected layer. Image [N,3,224,224] to logits [N,1000].
 */
import { OnnxWriter, type Value } from './onnx-writer.ts'

export const vgg16ParameterCount = 138_357_544

/** Channels of the convolutions of each block; a block ends with a pool that halves the image. */
const blocks = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
] as const

export function buildVgg16(): OnnxWriter {
  const net = new OnnxWriter('vgg16')
  let value: Value = net.input('image', [3, 224, 224])
  blocks.forEach((layers, block) => {
    layers.forEach((channels, layer) => {
      const conv = net.conv(`conv${block + 1}_${layer + 1}`, value, { channels, kernel: 3, padding: 1 })
      value = net.relu(conv)
    })
    value = net.maxPool(value, { kernel: 2, stride: 2 })
  })
  value = net.flatten(value, 7 * 7)
  value = net.relu(net.linear('fc6', value, 4096))
  value = net.relu(net.linear('fc7', value, 4096))
  net.output(net.linear('fc8', value, 1000))
  return net
}
