/**
 * ResNet-50 v1.5 (He et al. 2015, https://arxiv.org/abs/1512.03385; v1.5 strides in the 3x3 convolution): 25,557,032
 * trained parameters and the 53,120 running statistics of its batch normalisations, kept as layers of their own as published.
 * Image [N,3,224,224] to logits [N,1000].
 */
import { OnnxWriter, type Value } from './onnx-writer.ts'

export const resnet50ParameterCount = 25_557_032
export const resnet50StatisticsCount = 53_120

const stages = [
  { blocks: 3, width: 64, stride: 1 },
  { blocks: 4, width: 128, stride: 2 },
  { blocks: 6, width: 256, stride: 2 },
  { blocks: 3, width: 512, stride: 2 },
] as const

/** A bottleneck's output is this much wider than its middle. */
const expansion = 4
/** Mean scale at the end of a residual branch; sixteen branches then grow the variance some 35 times, not 65,000 times. */
const branchGain = 0.5

export function buildResnet50(): OnnxWriter {
  const net = new OnnxWriter('resnet50')
  const image = net.input('image', [3, 224, 224])
  const stem = net.conv('conv1', image, { channels: 64, kernel: 7, stride: 2, padding: 3, bias: false })
  let value = net.maxPool(net.relu(net.batchNorm('bn1', stem)), { kernel: 3, stride: 2, padding: 1 })
  stages.forEach(({ blocks, width, stride }, stage) => {
    for (let block = 0; block < blocks; block++) {
      value = bottleneck(net, `layer${stage + 1}.${block}`, value, width, block === 0 ? stride : 1)
    }
  })
  value = net.flatten(net.globalAveragePool(value))
  net.output(net.linear('fc', value, 1000, { halfWidth: Math.sqrt(1 / value.channels) }))
  return net
}

function bottleneck(net: OnnxWriter, name: string, from: Value, width: number, stride: number): Value {
  const channels = width * expansion
  const convBn = (
    layer: string,
    input: Value,
    options: { channels: number; kernel: number; stride?: number },
    gain = 1,
  ): Value => {
    const padding = (options.kernel - 1) / 2
    const value = net.conv(`${name}.conv${layer}`, input, { ...options, padding, bias: false })
    return net.batchNorm(`${name}.bn${layer}`, value, gain)
  }
  let branch = net.relu(convBn('1', from, { channels: width, kernel: 1 }))
  branch = net.relu(convBn('2', branch, { channels: width, kernel: 3, stride }))
  branch = convBn('3', branch, { channels, kernel: 1 }, branchGain)
  const needsProjection = stride !== 1 || from.channels !== channels
  const shortcut = needsProjection ? convBn('_shortcut', from, { channels, kernel: 1, stride }) : from
  return net.relu(net.add(`${name}.sum`, branch, shortcut))
}
