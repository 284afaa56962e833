/** `holdfast sim init`: a scenario to begin with. */
import { Command } from 'commander'
import { HoldfastError } from '../../common/index.ts'

const help = `
The example explains its fields and runs in seconds.

Example:
  $ holdfast sim init scenario.yaml`

export function simInitCommand(): Command {
  return new Command('init')
    .description('write an example scenario, with comments')
    .argument('[file]', 'where to', 'scenario.yaml')
    .addHelpText('after', help)
    .action(runSimInit)
}

async function runSimInit(file: string): Promise<void> {
  const { exampleScenario } = await import('../simulate/example-scenario.ts')
  const { quoted } = await import('../simulate/read-scenario.ts')
  const { writeNewFiles } = await import('../write-new-files.ts')
  try {
    await writeNewFiles([{ path: file, text: exampleScenario }])
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new HoldfastError('BAD_REQUEST', `${file} is there already; name another file.`, { cause })
  }
  console.log(`${file} is written; run it with: holdfast sim run ${quoted(file)}`)
}
