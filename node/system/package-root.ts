/** The folder of the package: above the sources in a checkout, above dist/ in an installed package. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const packageRoot: string = findPackageRoot(import.meta.dirname)

function findPackageRoot(folder: string): string {
  const path = join(folder, 'package.json')
  if (existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).name === 'holdfast') return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('package.json of holdfast is not where it should be')
  return findPackageRoot(parent)
}
