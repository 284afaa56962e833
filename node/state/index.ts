export { openLevelState } from './level-state.ts'
