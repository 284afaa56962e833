/** Where the regions of the large clouds stand, to about half a degree: as the operators say, by the nearest city. */

const regions: Readonly<Record<string, string>> = {
  aws: `af-south-1 -33.9 18.4, ap-east-1 22.3 114.2, ap-northeast-1 35.7 139.7, ap-northeast-2 37.6 127, ap-northeast-3 34.7 135.5,
    ap-south-1 19.1 72.9, ap-southeast-1 1.3 103.8, ap-southeast-2 -33.9 151.2, ap-southeast-3 -6.2 106.8, ca-central-1 45.5 -73.6,
    eu-central-1 50.1 8.7, eu-central-2 47.4 8.5, eu-north-1 59.3 18.1, eu-south-1 45.5 9.2, eu-south-2 41.6 -0.9, eu-west-1 53.3 -6.3,
    eu-west-2 51.5 -0.1, eu-west-3 48.9 2.4, me-central-1 24.5 54.4, me-south-1 26.2 50.6, sa-east-1 -23.5 -46.6, us-east-1 39 -77.5,
    us-east-2 40 -83, us-west-1 37.4 -121.9, us-west-2 45.8 -119.7`,
  azure: `australiaeast -33.9 151.2, brazilsouth -23.5 -46.6, canadacentral 43.7 -79.4, centralindia 18.5 73.9, eastasia 22.3 114.2,
    eastus 37.4 -79.8, eastus2 36.7 -78.4, francecentral 48.9 2.4, germanywestcentral 50.1 8.7, japaneast 35.7 139.7,
    koreacentral 37.6 127, northcentralus 41.9 -87.6, northeurope 53.3 -6.3, norwayeast 59.9 10.7, qatarcentral 25.3 51.5,
    southafricanorth -26.2 28, southcentralus 29.4 -98.5, swedencentral 60.7 17.1, switzerlandnorth 47.4 8.5, uaenorth 25.3 55.3,
    uksouth 51.5 -0.1, westeurope 52.4 4.9, westus 37.8 -122.4, westus2 47.2 -119.9, westus3 33.4 -112.1`,
  gcp: `asia-east1-a 24.1 120.5, asia-east2-a 22.3 114.2, asia-northeast1-a 35.7 139.7, asia-northeast2-a 34.7 135.5,
    asia-northeast3-a 37.6 127, asia-south1-a 19.1 72.9, asia-south2-a 28.6 77.2, asia-southeast1-a 1.3 103.8,
    asia-southeast2-a -6.2 106.8, australia-southeast1-a -33.9 151.2, australia-southeast2-a -37.8 145, europe-central2-a 52.2 21,
    europe-north1-a 60.6 27.2, europe-west1-b 50.4 3.8, europe-west2-a 51.5 -0.1, europe-west3-a 50.1 8.7, europe-west4-a 53.4 6.8,
    europe-west6-a 47.4 8.5, me-west1-a 32.1 34.8, northamerica-northeast1-a 45.5 -73.6, northamerica-northeast2-a 43.7 -79.4,
    southamerica-east1-a -23.5 -46.6, southamerica-west1-a -33.4 -70.7, us-central1-a 41.3 -95.9, us-east1-b 33.2 -80,
    us-east4-a 39 -77.5, us-west1-a 45.6 -121.2, us-west4-a 36.2 -115.1`,
}

export interface RegionPlace {
  /** 'aws:eu-west-1'. */
  readonly name: string
  readonly latitude: number
  readonly longitude: number
}

export const regionPlaces: readonly RegionPlace[] = Object.entries(regions).flatMap(([cloud, list]) =>
  list.split(',').map((entry) => {
    const [region, latitude, longitude] = entry.trim().split(' ')
    return { name: `${cloud}:${region}`, latitude: Number(latitude), longitude: Number(longitude) }
  }),
)
