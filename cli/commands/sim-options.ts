/** The options that the commands of the simulator share. */
import { type Command, Option } from 'commander'

const collect = (value: string, before: readonly string[] = []) => [...before, value]

export function addScenarioOptions(command: Command): Command {
  return command
    .option('--seed <number>', 'of everything that is drawn; by default that of the scenario')
    .option(
      '--requests <file>',
      'a trace instead of drawn requests: CSV with the columns id, seconds, model, and node or site',
    )
    .option('--models <file>', 'sizes and load times of the models, JSON')
}

export function setOption(description: string): Option {
  return new Option('--set <path=value>', description).argParser(collect)
}

export function seedsOption(): Option {
  return new Option('--seeds <count>', 'repeat under so many seeds, counted up from the first').default('1')
}

export function jobsOption(): Option {
  return new Option('--jobs <count>', 'runs at one time; by default one per core')
}

export function outOption(description: string): Option {
  return new Option('--out <directory>', description)
}
