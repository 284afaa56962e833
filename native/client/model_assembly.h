// A model on the client's side while its frames arrive, and then the lease itself.
#ifndef HOLDFAST_SRC_MODEL_ASSEMBLY_H_
#define HOLDFAST_SRC_MODEL_ASSEMBLY_H_

#include <memory>
#include <string>
#include <vector>

#include "client/client_link.h"
#include "client/client.h"
#include "wire/protocol.h"
#include "os/status.h"
#include "os/unique_fd.h"

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
