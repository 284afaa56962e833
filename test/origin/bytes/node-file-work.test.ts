import { nodeFileWork } from '../../../origin/bytes/node-file-work.ts'
import { testFileWork } from '../../conformance/file-work.suite.ts'

testFileWork('by Node', nodeFileWork)
