export { benchCatalog } from './catalog.ts'
export { runBench } from './run-bench.ts'
