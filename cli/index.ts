export { firstConfig } from './first-config.ts'
export { createProgram } from './program.ts'
