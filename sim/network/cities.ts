/**
 * Cities to stand in, and round trips between places by distance.
 *
 * The formula follows the medians of public pings between 242 cities (WonderNetwork, 2018): about 4 ms at once, 25 ms per 1,000 km
 * for the first 2,000 km, where paths wind, and 16.5 ms per 1,000 km beyond, where they follow the great cables.
 */
export interface City {
  readonly name: string
  readonly latitude: number
  readonly longitude: number
}

const rows: readonly (readonly [string, number, number])[] = [
  ['Amsterdam', 52.37, 4.9],
  ['Athens', 37.98, 23.73],
  ['Atlanta', 33.75, -84.39],
  ['Auckland', -36.85, 174.76],
  ['Bangalore', 12.97, 77.59],
  ['Bangkok', 13.76, 100.5],
  ['Barcelona', 41.39, 2.17],
  ['Berlin', 52.52, 13.4],
  ['Bogota', 4.71, -74.07],
  ['Boston', 42.36, -71.06],
  ['Brussels', 50.85, 4.35],
  ['Bucharest', 44.43, 26.1],
  ['Buenos Aires', -34.6, -58.38],
  ['Cairo', 30.04, 31.24],
  ['Cape Town', -33.92, 18.42],
  ['Chicago', 41.88, -87.63],
  ['Copenhagen', 55.68, 12.57],
  ['Dallas', 32.78, -96.8],
  ['Denver', 39.74, -104.99],
  ['Dubai', 25.2, 55.27],
  ['Dublin', 53.35, -6.26],
  ['Frankfurt', 50.11, 8.68],
  ['Helsinki', 60.17, 24.94],
  ['Hong Kong', 22.32, 114.17],
  ['Istanbul', 41.01, 28.98],
  ['Jakarta', -6.21, 106.85],
  ['Johannesburg', -26.2, 28.05],
  ['Lagos', 6.52, 3.38],
  ['Lima', -12.05, -77.04],
  ['Lisbon', 38.72, -9.14],
  ['London', 51.51, -0.13],
  ['Los Angeles', 34.05, -118.24],
  ['Madrid', 40.42, -3.7],
  ['Melbourne', -37.81, 144.96],
  ['Mexico City', 19.43, -99.13],
  ['Miami', 25.76, -80.19],
  ['Milan', 45.46, 9.19],
  ['Montreal', 45.5, -73.57],
  ['Mumbai', 19.08, 72.88],
  ['Nairobi', -1.29, 36.82],
  ['New York', 40.71, -74.01],
  ['Osaka', 34.69, 135.5],
  ['Oslo', 59.91, 10.75],
  ['Paris', 48.86, 2.35],
  ['Phoenix', 33.45, -112.07],
  ['Prague', 50.08, 14.44],
  ['Santiago', -33.45, -70.67],
  ['Sao Paulo', -23.55, -46.63],
  ['Seattle', 47.61, -122.33],
  ['Seoul', 37.57, 126.98],
  ['Singapore', 1.35, 103.82],
  ['Stockholm', 59.33, 18.07],
  ['Sydney', -33.87, 151.21],
  ['Taipei', 25.03, 121.57],
  ['Tel Aviv', 32.09, 34.78],
  ['Tokyo', 35.68, 139.69],
  ['Toronto', 43.65, -79.38],
  ['Vancouver', 49.28, -123.12],
  ['Vienna', 48.21, 16.37],
  ['Warsaw', 52.23, 21.01],
  ['Washington', 38.91, -77.04],
  ['Zurich', 47.38, 8.54],
]

export const cities: readonly City[] = rows.map(([name, latitude, longitude]) => ({ name, latitude, longitude }))

const earthRadiusKm = 6_371
const atOnceMs = 4
const nearKm = 2_000
const nearMsPerKm = 0.025
const farMsPerKm = 0.0165

export function rttMsBetween(a: Omit<City, 'name'>, b: Omit<City, 'name'>): number {
  const km = distanceKm(a, b)
  return atOnceMs + Math.min(km, nearKm) * nearMsPerKm + Math.max(0, km - nearKm) * farMsPerKm
}

/** Along the great circle, by the haversine formula. */
export function distanceKm(a: Omit<City, 'name'>, b: Omit<City, 'name'>): number {
  const radians = Math.PI / 180
  const halfLatitude = Math.sin(((b.latitude - a.latitude) * radians) / 2)
  const halfLongitude = Math.sin(((b.longitude - a.longitude) * radians) / 2)
  const share = halfLatitude ** 2 + Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * halfLongitude ** 2
  return 2 * earthRadiusKm * Math.asin(Math.sqrt(share))
}
