/** Where things lie in the package: beside node/ in a checkout, beside dist/ in an installed package. */
import { join } from 'node:path'

const isBuilt = import.meta.filename.endsWith('.js')

export const packageRoot = join(import.meta.dirname, ...(isBuilt ? ['..', '..', '..', '..'] : ['..', '..', '..']))
export const libraryPath = join(packageRoot, 'native', 'lib')
export const clientsPath = join(packageRoot, 'clients')

/** The file of a program of this folder, as it runs here. */
export function programPath(name: string): string {
  return join(import.meta.dirname, `${name}.${isBuilt ? 'js' : 'ts'}`)
}
