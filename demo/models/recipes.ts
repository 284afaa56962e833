/** The models that can be made, by name: each recipe plans its files and writes nothing. */
import { planGguf } from './gguf.ts'
import { planLlama, tinyLlama, tinyLlamaFineTuned } from './llama.ts'
import type { OnnxWriter } from './onnx-writer.ts'
import type { PlannedFile } from './pieces.ts'
import { buildResnet50 } from './resnet50.ts'
import { buildSqueezenet } from './squeezenet.ts'
import { buildTiny } from './tiny.ts'
import { buildVgg16 } from './vgg16.ts'

export interface Recipe {
  readonly description: string
  readonly plan: () => PlannedFile[]
}

const onnx = (description: string, build: () => OnnxWriter): Recipe => ({
  description,
  plan: () => [{ path: 'model.onnx', pieces: build().pieces() }],
})

export const recipes = {
  'squeezenet1.0': onnx('SqueezeNet 1.0, 1.2 M parameters, 5 MB ONNX', buildSqueezenet),
  resnet50: onnx('ResNet-50 v1.5, 25.6 M parameters, 98 MiB ONNX', buildResnet50),
  vgg16: onnx('VGG-16, 138.4 M parameters, 528 MiB ONNX', buildVgg16),
  tiny: onnx('a small convolutional network, 100 KB ONNX', buildTiny),
  'llama-tiny': {
    description: 'decoder-only transformer, 10 MB of sharded safetensors',
    plan: () => planLlama(tinyLlama),
  },
  'llama-tiny-finetune': {
    description: 'a fine-tune of llama-tiny that differs in six tensors',
    plan: () => planLlama({ ...tinyLlama, fineTuned: tinyLlamaFineTuned }),
  },
  'gguf-tiny': { description: 'a small llama as GGUF, F32, F16 and Q8_0', plan: () => [planGguf('model.gguf')] },
} as const satisfies Record<string, Recipe>

export type GeneratedModelName = keyof typeof recipes
