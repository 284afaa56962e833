// Every page that is made from the code, with the function that makes it. A test holds each file equal to its source.
import { cApiDocument } from './api-c-document.ts'
import { nodeApiDocument } from './api-node-document.ts'
import { pythonApiDocument } from './api-python-document.ts'
import { commandsDocument } from './commands-document.ts'
import { configDocument } from './config-document.ts'
import { errorsDocument } from './errors-document.ts'
import { httpDocument } from './http-document.ts'
import { sampleConfig } from './sample-config.ts'

export const writtenPages: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/reference/api-c.md': cApiDocument,
  'docs/reference/api-node.md': nodeApiDocument,
  'docs/reference/api-python.md': pythonApiDocument,
  'docs/reference/commands.md': commandsDocument,
  'docs/reference/configuration.md': configDocument,
  'docs/reference/errors.md': errorsDocument,
  'docs/reference/http.md': httpDocument,
  'deploy/node.yaml': sampleConfig,
}
