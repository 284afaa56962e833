/** What the parts of the store's bench work with, and how much of it they do. */
import type { BenchStore } from './bench-store.ts'
import type { Programs } from './programs.ts'
import { type TrimsModel, trimsModels, trimsSmallModels } from './trims-models.ts'

export interface StoreBenchSetup {
  readonly store: BenchStore
  readonly programs: Programs
  /** On disk; goes at the end. */
  readonly folder: string
  /** For files that are made to be imported: in memory where there is a tmpfs, so that the disk writes them once. */
  readonly sourceFolder: string
  readonly say: (text: string) => void
}

export interface StoreBenchPlan {
  readonly memoryLimitBytes: number
  readonly openSizes: readonly { readonly label: string; readonly sizeBytes: number }[]
  readonly opensPerRound: number
  readonly sharedBytes: number
  readonly sharingClients: readonly number[]
  readonly crashRepeats: number
  readonly coldModels: readonly TrimsModel[]
  /** Of the model that is loaded on pages of both sizes. */
  readonly largePageBytes: number
  /** Cold loads of a model of that size by each competitor. */
  readonly coldRepeats: (sizeBytes: number) => number
  readonly onnx: readonly { readonly label: string; readonly model: 'tiny' | 'squeezenet1.0' | 'resnet50' | 'vgg16' }[]
  readonly torchBytes: readonly { readonly label: string; readonly sizeBytes: number }[]
  readonly llamaLayers: readonly { readonly label: string; readonly layerCount: number }[]
  readonly warmRepeats: number
  readonly inferences: number
  readonly frameworkColdRepeats: number
  readonly pareto: {
    readonly models: readonly TrimsModel[]
    readonly percents: readonly number[]
    readonly clients: readonly number[]
    readonly loadsPerClient: number
  }
}

const MB = 1e6
const MiB = 2 ** 20

/** The models of table III at an eighth of their size: the same mixture, in seconds instead of minutes. */
const paretoScale = 8

/** What each competitor reads of one size in all: small ones 20 times, those of gigabytes once. */
const coldBytesPerModel = 1000 * MB

export const fullPlan: StoreBenchPlan = {
  memoryLimitBytes: 7200 * MiB,
  openSizes: [
    { label: '5MB', sizeBytes: 5 * MB },
    { label: '6400MB', sizeBytes: 6400 * MB },
  ],
  opensPerRound: 200,
  sharedBytes: 128 * MiB,
  sharingClients: [1, 8, 64],
  crashRepeats: 20,
  coldModels: trimsModels,
  largePageBytes: 512 * MiB,
  coldRepeats: (sizeBytes) => Math.max(1, Math.min(20, Math.floor(coldBytesPerModel / sizeBytes))),
  onnx: [
    { label: 'squeezenet', model: 'squeezenet1.0' },
    { label: 'resnet50', model: 'resnet50' },
    { label: 'vgg16', model: 'vgg16' },
  ],
  torchBytes: [
    { label: '100MB', sizeBytes: 100 * MB },
    { label: '500MB', sizeBytes: 500 * MB },
  ],
  llamaLayers: [{ label: '300MB', layerCount: 22 }],
  warmRepeats: 20,
  inferences: 5,
  frameworkColdRepeats: 5,
  pareto: {
    models: trimsSmallModels.map(({ name, sizeBytes }) => ({ name, sizeBytes: Math.ceil(sizeBytes / paretoScale) })),
    percents: [10, 50, 100],
    clients: [1, 4, 10],
    loadsPerClient: 40,
  },
}

export const tinyPlan: StoreBenchPlan = {
  memoryLimitBytes: 256 * MiB,
  openSizes: [
    { label: '1MB', sizeBytes: MB },
    { label: '20MB', sizeBytes: 20 * MB },
  ],
  opensPerRound: 5,
  sharedBytes: 4 * MiB,
  sharingClients: [1, 3],
  crashRepeats: 2,
  coldModels: trimsSmallModels.filter(({ name }) => name.startsWith('SqueezeNet')),
  largePageBytes: 32 * MiB,
  coldRepeats: () => 1,
  onnx: [{ label: 'tiny', model: 'tiny' }],
  // Their starts alone take seconds; test/frameworks runs the same programs.
  torchBytes: [],
  llamaLayers: [],
  warmRepeats: 2,
  inferences: 2,
  frameworkColdRepeats: 1,
  pareto: {
    models: trimsSmallModels
      .slice(0, 6)
      .map(({ name, sizeBytes }) => ({ name, sizeBytes: Math.ceil(sizeBytes / 200) })),
    percents: [50, 100],
    clients: [1, 2],
    loadsPerClient: 5,
  },
}
