/** deploy/holdfast.service says only what systemd knows, points at options that exist, and closes what can be closed. */
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { flagNameOf, optionKeys, optionTable } from '../../node/config/options.ts'
import { readSource } from '../support/source-files.ts'

const unit = parse(readSource('deploy/holdfast.service'))
const service = unit.get('Service')!

describe('deploy/holdfast.service', () => {
  it('starts the node with flags that exist, and lets it say when it is up and alive', () => {
    const flags = service.get('ExecStart')!.flatMap((line) => line.split(' ').filter((word) => word.startsWith('--')))
    const known = new Set([...optionKeys.map(flagNameOf), '--config'])
    expect(flags.filter((flag) => !known.has(flag))).toEqual([])
    expect(service.get('Type')).toEqual(['notify'])
    expect(Number(service.get('WatchdogSec')![0])).toBeGreaterThan(0)
  })

  it('keeps the socket where clients look and the data where the sandbox lets it', () => {
    expect(service.get('ExecStart')![0]).toContain('--store-socket-path /run/holdfast/store.sock')
    expect(service.get('ExecStart')![0]).toContain('--node-data-dir /var/lib/holdfast')
    expect(service.get('RuntimeDirectory')).toEqual(['holdfast'])
    expect(service.get('StateDirectory')).toEqual(['holdfast'])
  })

  it('waits longer for a stop than the node drains by default', () => {
    const drainMs = optionTable['drain.handOverMs'].defaultValue + optionTable['drain.requestsMs'].defaultValue
    expect(Number(service.get('TimeoutStopSec')![0]) * 1000).toBeGreaterThan(drainMs)
  })

  it.each([
    ['User', 'holdfast'],
    ['NoNewPrivileges', 'true'],
    ['ProtectSystem', 'strict'],
    ['ProtectHome', 'true'],
    ['PrivateTmp', 'true'],
    ['CapabilityBoundingSet', ''],
    ['SystemCallArchitectures', 'native'],
  ])('has %s=%s', (name, value) => {
    expect(service.get(name)).toEqual([value])
  })

  it('does not forbid memory that is written and executed, which the JavaScript engine needs', () => {
    expect(service.has('MemoryDenyWriteExecute')).toBe(false)
  })

  it('passes systemd-analyze verify', ({ skip }) => {
    const found = (() => {
      try {
        execFileSync('systemd-analyze', ['--version'])
        return true
      } catch {
        return false
      }
    })()
    if (!found) skip('there is no systemd-analyze on this machine; the unit was parsed only')
    execFileSync('systemd-analyze', ['verify', 'deploy/holdfast.service'])
  })
})

/** Section, then name, then values in order. Throws on a line that is none. */
function parse(text: string): Map<string, Map<string, string[]>> {
  const sections = new Map<string, Map<string, string[]>>()
  let section: Map<string, string[]> | null = null
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const heading = /^\[(\w+)\]$/.exec(line)
    const setting = /^([A-Z]\w*)=(.*)$/.exec(line)
    if (heading !== null) {
      section = new Map()
      sections.set(heading[1]!, section)
    } else if (setting !== null && section !== null) {
      section.set(setting[1]!, [...(section.get(setting[1]!) ?? []), setting[2]!])
    } else throw new Error(`no line of a unit: ${line}`)
  }
  return sections
}
