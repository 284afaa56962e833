import { nativeFileWork } from '../../native/index.ts'
import { testFileWork } from '../conformance/file-work.suite.ts'

testFileWork('by native threads', nativeFileWork()!)
