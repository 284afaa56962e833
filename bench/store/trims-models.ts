/**
 * The 45 models that TrIMS (https://arxiv.org/abs/1811.09732) was measured with: table III, 37 small ones by the names and order of its
 * authors' scripts, and table IV, AlexNet and VGG-16 for inputs of one to four times the side.
 *
 * Sizes are four bytes for each published parameter, which comes within two percent of files; the tables' own megabytes were not at hand.
 * Of a table IV model they follow from the architecture: the first dense layer grows with the area of the last feature map.
 */

export interface TrimsModel {
  readonly name: string
  readonly sizeBytes: number
}

const smallParameters: Readonly<Record<string, number>> = {
  'BVLC-AlexNet': 60_965_224,
  'BVLC-GoogLeNet': 6_998_552,
  'BVLC-Ref-CaffeNet': 60_965_224,
  // CaffeNet with 200 classes.
  'BVLC-Ref-RCNN-ILSVRC13': 57_687_624,
  DPN68: 12_611_602,
  DPN92: 37_668_392,
  'Inception-v3': 23_834_568,
  'Inception-v4': 42_679_816,
  // Inception-BN with 21,841 classes.
  'InceptionBN-21K-v2': 32_657_265,
  'Inception-BN-v3': 11_295_240,
  'Inception-ResNet-v2': 55_843_464,
  // ResNet-101 with 15,527 places.
  LocationNet: 74_315_503,
  NIN: 7_595_176,
  ResNet101: 44_549_160,
  'ResNet101-v2': 44_549_160,
  ResNet152: 60_192_808,
  // ResNet-152 with 11,221 classes.
  'ResNet152-11k': 81_135_637,
  'ResNet152-v2': 60_192_808,
  'ResNet18-v2': 11_695_796,
  'ResNet200-v2': 64_666_280,
  'ResNet269-v2': 102_065_832,
  'ResNet34-v2': 21_811_380,
  ResNet50: 25_557_032,
  'ResNet50-v2': 25_549_480,
  ResNeXt101: 44_177_704,
  'ResNeXt101-32x4d': 44_177_704,
  'ResNeXt26-32x4d': 15_388_456,
  ResNeXt50: 25_028_904,
  'ResNeXt50-32x4d': 25_028_904,
  'SqueezeNet-v1.0': 1_248_424,
  'SqueezeNet-v1.1': 1_235_496,
  VGG16: 138_357_544,
  // VGG-16 with 100 and with 5 outputs.
  VGG16_SOD: 134_670_244,
  VGG16_SOS: 134_281_029,
  VGG19: 143_667_240,
  'WRN50-v2': 68_883_240,
  Xception: 22_855_952,
}

const denseUnits = 4096
/** Side and channels of the last feature map for inputs of one to four times the side, and all parameters of the model as published. */
const enlarged = {
  AlexNet: { sides: [6, 13, 21, 28], channels: 256, parameters: 60_965_224 },
  VGG16: { sides: [7, 14, 21, 28], channels: 512, parameters: 138_357_544 },
} as const

export const trimsSmallModels: readonly TrimsModel[] = Object.entries(smallParameters).map(([name, parameters]) => ({
  name,
  sizeBytes: 4 * parameters,
}))

export const trimsLargeModels: readonly TrimsModel[] = Object.entries(enlarged).flatMap(
  ([family, { sides, channels, parameters }]) => {
    const firstDense = (side: number) => side * side * channels * denseUnits
    const others = parameters - firstDense(sides[0])
    return sides.map((side, index) => ({
      name: `${family}-S${index + 1}`,
      sizeBytes: 4 * (others + firstDense(side)),
    }))
  },
)

/** By size. */
export const trimsModels: readonly TrimsModel[] = [...trimsSmallModels, ...trimsLargeModels].toSorted(
  (left, right) => left.sizeBytes - right.sizeBytes || (left.name < right.name ? -1 : 1),
)
