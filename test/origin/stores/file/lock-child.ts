/** A process that takes the lock of a folder, says so, and waits to be killed. */
import { FileLock } from '../../../../origin/stores/file/file-lock.ts'

await new FileLock(process.argv[2]!).acquire()
process.stdout.write('held\n')
process.stdin.resume()
setInterval(() => {}, 60_000)
