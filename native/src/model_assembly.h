// A model on the client's side while its frames arrive, and then the lease itself.
#ifndef HOLDFAST_SRC_MODEL_ASSEMBLY_H_
#define HOLDFAST_SRC_MODEL_ASSEMBLY_H_

#include <memory>
#include <string>
#include <vector>

#include "client_link.h"
#include "holdfast/client.h"
#include "holdfast/protocol.h"
#include "holdfast/status.h"
#include "holdfast/unique_fd.h"

namespace holdfast {

class ModelAssembly {
 public:
  explicit ModelAssembly(std::shared_ptr<ClientLink> link);
  ~ModelAssembly();

  // Takes a model frame; STORE_PROTOCOL when it contradicts itself, an earlier one, or its descriptors.
  Status Add(FrameReader* frame, std::vector<UniqueFd> fds);
  bool complete() const;
  // When complete, once. Destroying an assembly that was not taken ends its lease.
  std::unique_ptr<OpenedModel> Take();

 private:
  class Lease;
  std::unique_ptr<Lease> lease_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_MODEL_ASSEMBLY_H_
