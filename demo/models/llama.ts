/**
 * A decoder-only transformer with the tensor names, shapes and config.json of the Llama family, in any size, as sharded
 * safetensors; and fine-tunes of it, which differ from their base in exactly the tensors that they name.
 */
import { jsonFile, type PlannedFile } from './pieces.ts'
import { planShardedSafetensors, type SafetensorsTensor } from './safetensors-writer.ts'
import type { Distribution } from './weights.ts'

export interface LlamaOptions {
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly layerCount: number
  readonly headCount: number
  readonly keyValueHeadCount: number
  readonly vocabularySize: number
  readonly dtype: 'BF16' | 'F16' | 'F32'
  readonly shardSizeBytesMax: number
  /** Tensors that get other values than the base model's. Unknown names are an error. */
  readonly fineTuned: readonly string[]
}

/** 5.2 million parameters in three shards: small enough for every test, with every kind of tensor. */
export const tinyLlama: LlamaOptions = {
  hiddenSize: 256,
  intermediateSize: 688,
  layerCount: 4,
  headCount: 8,
  keyValueHeadCount: 4,
  vocabularySize: 4096,
  dtype: 'BF16',
  shardSizeBytesMax: 4 * 1024 * 1024,
  fineTuned: [],
}

/** What a parameter-efficient fine-tune of the last layers touches: 12 % of the parameters. */
export const tinyLlamaFineTuned: readonly string[] = [
  'model.layers.2.self_attn.v_proj.weight',
  'model.layers.3.self_attn.q_proj.weight',
  'model.layers.3.self_attn.v_proj.weight',
  'model.layers.3.mlp.down_proj.weight',
  'model.layers.3.mlp.up_proj.weight',
  'model.norm.weight',
]

export function planLlama(options: LlamaOptions): PlannedFile[] {
  const changed = new Set(options.fineTuned)
  const tensors = tensorsOf(options).map(({ name, shape, distribution }): SafetensorsTensor => {
    const key = changed.delete(name) ? `llama-finetune/${name}` : `llama/${name}`
    return { name, key, dtype: options.dtype, shape, distribution }
  })
  if (changed.size > 0) throw new RangeError(`the model has no tensor ${[...changed].join(', ')}`)
  return [...planShardedSafetensors(tensors, options.shardSizeBytesMax), jsonFile('config.json', configOf(options))]
}

interface NamedTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly distribution: Distribution
}

function tensorsOf(options: LlamaOptions): NamedTensor[] {
  const { hiddenSize, intermediateSize, vocabularySize } = options
  const keyValueSize = (hiddenSize / options.headCount) * options.keyValueHeadCount
  // Projections as the family initialises them: normal with standard deviation 0.02, here uniform of the same variance.
  const matrix = (name: string, rows: number, columns: number): NamedTensor => ({
    name: `${name}.weight`,
    shape: [rows, columns],
    distribution: { halfWidth: 0.02 * Math.sqrt(3) },
  })
  const norm = (name: string): NamedTensor => ({
    name: `${name}.weight`,
    shape: [hiddenSize],
    distribution: { mean: 1, halfWidth: 0.1 },
  })
  const layer = (prefix: string): NamedTensor[] => [
    norm(`${prefix}.input_layernorm`),
    matrix(`${prefix}.mlp.down_proj`, hiddenSize, intermediateSize),
    matrix(`${prefix}.mlp.gate_proj`, intermediateSize, hiddenSize),
    matrix(`${prefix}.mlp.up_proj`, intermediateSize, hiddenSize),
    norm(`${prefix}.post_attention_layernorm`),
    matrix(`${prefix}.self_attn.k_proj`, keyValueSize, hiddenSize),
    matrix(`${prefix}.self_attn.o_proj`, hiddenSize, hiddenSize),
    matrix(`${prefix}.self_attn.q_proj`, hiddenSize, hiddenSize),
    matrix(`${prefix}.self_attn.v_proj`, keyValueSize, hiddenSize),
  ]
  const layers = Array.from({ length: options.layerCount }, (_, index) => layer(`model.layers.${index}`))
  return [
    matrix('model.embed_tokens', vocabularySize, hiddenSize),
    ...layers.flat(),
    norm('model.norm'),
    matrix('lm_head', vocabularySize, hiddenSize),
  ]
}

function configOf(options: LlamaOptions): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_act: 'silu',
    hidden_size: options.hiddenSize,
    intermediate_size: options.intermediateSize,
    max_position_embeddings: 2048,
    num_attention_heads: options.headCount,
    num_hidden_layers: options.layerCount,
    num_key_value_heads: options.keyValueHeadCount,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
    torch_dtype: { BF16: 'bfloat16', F16: 'float16', F32: 'float32' }[options.dtype],
    vocab_size: options.vocabularySize,
  }
}
