export { openInferenceDoor } from './door.ts'
