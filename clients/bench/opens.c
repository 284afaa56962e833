/*
 * Opens of a resident model, one after the other over one connection: lease, descriptor, map, first byte. Prints the microseconds of each.
 *   opens SOCKET NAME COUNT
 */
#include <holdfast/holdfast.h>

#include "bench.h"

int main(int argc, char **argv) {
  if (argc != 4) die("usage", "opens SOCKET NAME COUNT");
  holdfast_connection *connection = connect_store(argv[1]);
  const int count = atoi(argv[3]);
  /* The first takes the library's lazy starts. */
  for (int i = -1; i < count; i++) {
    const double started_us = now_us();
    holdfast_model *model = open_model(connection, argv[2]);
    const void *data;
    if (holdfast_wait_range(model, 0, 0, 1, HOLDFAST_NO_DEADLINE, &data) != 0) die_of_store("wait");
    (void)*(const volatile uint8_t *)data;
    const double taken_us = now_us() - started_us;
    if (i >= 0) printf("%.2f\n", taken_us);
    holdfast_close(model);
  }
  holdfast_disconnect(connection);
  return 0;
}
