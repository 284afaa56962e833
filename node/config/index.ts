export { type ConfigSources, type LoadedConfig, loadConfig, type Provenance } from './load-config.ts'
export { environmentNameOf, flagNameOf, type NodeOptions, type OptionKey, optionKeys, optionTable } from './options.ts'
export { parseBytes } from './parse-value.ts'
