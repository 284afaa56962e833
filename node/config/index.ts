export { type DescribedOption, describeOptions, formatBinaryBytes, formatOptionValue, secretMask } from './describe.ts'
export {
  bulkHostOf,
  hostOfMultiaddr,
  isLoopbackHost,
  listenAddressesOf,
  portOfMultiaddr,
  reachesBeyondLoopback,
} from './listening.ts'
export { type ConfigSources, type LoadedConfig, loadConfig, type Provenance } from './load-config.ts'
export {
  environmentNameOf,
  flagNameOf,
  type NodeOptions,
  type OptionKey,
  type OptionRow,
  type OptionType,
  optionKeys,
  optionTable,
} from './options.ts'
export { parseBytes } from './parse-value.ts'
export { checkOptions, type Finding, findingsOf } from './rules.ts'
