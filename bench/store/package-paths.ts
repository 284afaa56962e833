/** Where the files that the bench compiles and loads lie in the package. */
import { extname, join } from 'node:path'
import { packageRoot } from '../../node/system/index.ts'

export { packageRoot }
export const libraryPath = join(packageRoot, 'native', 'lib')
export const clientsPath = join(packageRoot, 'clients')
export const cProgramsPath = join(packageRoot, 'bench', 'programs')

/** The file of a program of this folder, as it runs here. */
export function programPath(name: string): string {
  return join(import.meta.dirname, `${name}${extname(import.meta.filename)}`)
}
