// Takes back segments of a store that has gone from the clients that still map them. A client may hand over anything: a segment counts
// only when nobody can change it any more and its bytes have the id of the blob.
#ifndef HOLDFAST_SRC_REATTACHMENT_H_
#define HOLDFAST_SRC_REATTACHMENT_H_

#include <functional>
#include <memory>
#include <vector>

#include "client/client.h"
#include "memory/memory_budget.h"
#include "os/status.h"
#include "memory/store.h"
#include "memory/catalog.h"
#include "os/thread_pool.h"

namespace holdfast {

class Reattachment {
 public:
  Reattachment(std::shared_ptr<MemoryBudget> budget, Catalog* catalog, ThreadPool* pool)
      : budget_(std::move(budget)), catalog_(catalog), pool_(pool) {}

  // As Store::Reattach.
  Status Run(std::vector<HeldSegment> held, const std::vector<WantedBlob>& wanted, std::function<void(std::vector<Reattached>)> done);

 private:
  struct Candidate {
    HeldSegment held;
    WantedBlob wanted;
    MemoryReservation reservation;
    // What stands in memory already: good when it is the same memory.
    std::shared_ptr<Segment> present;
  };

  Status Check(Candidate* candidate) const;

  const std::shared_ptr<MemoryBudget> budget_;
  Catalog* const catalog_;
  ThreadPool* const pool_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_REATTACHMENT_H_
