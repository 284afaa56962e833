/** A process that takes the lock of a folder, says so, and waits to be killed. */

import { keepAlive, systemClock } from '../../../../node/system/index.ts'
import { FileLock } from '../../../../origin/stores/file/file-lock.ts'

await keepAlive(new FileLock(process.argv[2]!, systemClock).acquire())
process.stdout.write('held\n')
process.stdin.resume()
setInterval(() => {}, 60_000)
