export { adminDoor } from './door.ts'
