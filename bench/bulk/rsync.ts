/** rsync over ssh, from a server on loopback with keys of its own. rsync compares a checksum of the whole file by itself. */
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Transfer } from './contender.ts'
import { freePort, runTool, ToolServer, timed, toolPath } from './tools.ts'

const cipher = 'aes128-gcm@openssh.com'

export class SshSite {
  readonly server: ToolServer
  /** For `rsync -e`. */
  readonly shell: string
  readonly host: string

  private constructor(server: ToolServer, shell: string, host: string) {
    this.server = server
    this.shell = shell
    this.host = host
  }

  static async start(folder: string): Promise<SshSite> {
    const [host, port] = ['127.0.0.1', await freePort()]
    const home = join(folder, `ssh-${port}`)
    await mkdir(home, { recursive: true, mode: 0o700 })
    const [hostKey, clientKey] = [join(home, 'host_key'), join(home, 'client_key')]
    for (const path of [hostKey, clientKey]) await runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])
    await copyFile(`${clientKey}.pub`, join(home, 'authorized_keys'))
    // Its home while it separates privileges; packages make it when the service starts.
    if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
    const options = [
      `AuthorizedKeysFile=${join(home, 'authorized_keys')}`,
      'StrictModes=no',
      'UsePAM=no',
      'PasswordAuthentication=no',
      'PidFile=none',
      `Ciphers=${cipher}`,
      `ListenAddress=${host}:${port}`,
    ]
    const args = ['-D', '-e', '-f', '/dev/null', '-h', hostKey, ...options.flatMap((option) => ['-o', option])]
    const server = await ToolServer.start((await toolPath('sshd'))!, args, { host, port })
    const shell = [
      `ssh -p ${port} -i ${clientKey} -c ${cipher} -o BatchMode=yes -o StrictHostKeyChecking=no`,
      '-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o Compression=no -F /dev/null',
    ].join(' ')
    return new SshSite(server, shell, host)
  }

  /** Copies a file or a folder to `outputPath`, which goes again. */
  async transfer(sourcePath: string, outputPath: string): Promise<Transfer> {
    const flags = ['--archive', '--whole-file', '--inplace', '-e', this.shell]
    const args = [...flags, `${this.host}:${sourcePath}`, outputPath]
    const result = await timed(this.server, async () => void (await runTool('rsync', args)))
    await rm(outputPath, { recursive: true })
    return result
  }
}
