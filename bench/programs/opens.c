/*
 * Opens of a resident model, one after the other over one connection: lease, descriptor, map, first byte. Prints the microseconds of each.
 *   opens SOCKET NAME COUNT alone      an open begins when the store has handled the close before it
 *   opens SOCKET NAME COUNT with-close an open begins at once after the close before it, which is timed too
 */
#include <holdfast/holdfast.h>

#include "bench.h"

int main(int argc, char **argv) {
  if (argc != 5) die("usage", "opens SOCKET NAME COUNT alone | with-close");
  const int alone = strcmp(argv[4], "alone") == 0;
  holdfast_connection *connection = connect_store(argv[1]);
  const int count = atoi(argv[3]);
  /* The first takes the library's lazy starts. */
  for (int i = -1; i < count; i++) {
    const double started_us = now_us();
    holdfast_model *model = open_model(connection, argv[2]);
    const void *data;
    if (holdfast_wait_range(model, 0, 0, 1, HOLDFAST_NO_DEADLINE, &data) != 0) die_of_store("wait");
    (void)*(const volatile uint8_t *)data;
    if (!alone) holdfast_close(model);
    const double taken_us = now_us() - started_us;
    if (i >= 0) printf("%.2f\n", taken_us);
    holdfast_store_status status;
    if (!alone) continue;
    holdfast_close(model);
    if (holdfast_status(connection, 5000, &status) != 0) die_of_store("status");
  }
  holdfast_disconnect(connection);
  return 0;
}
