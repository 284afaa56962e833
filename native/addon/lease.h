// An open model as the addon holds it: by the handle object and by every ArrayBuffer over its memory. While a view can be reached, the
// memory is mapped. Only CloseModel unmaps earlier, after it has detached every buffer.
#ifndef HOLDFAST_ADDON_LEASE_H_
#define HOLDFAST_ADDON_LEASE_H_

#include <napi.h>

#include <memory>
#include <optional>

#include "dispatcher.h"
#include "client/client.h"
#include "formats/model_tensors.h"

namespace holdfast::addon {

struct Lease {
  Lease(std::shared_ptr<Dispatcher> used, std::shared_ptr<OpenedModel> opened)
      : dispatcher(std::move(used)), model(std::move(opened)), tensors(std::in_place, model.get()) {}
  const std::shared_ptr<Dispatcher> dispatcher;
  // Empty once closed.
  std::shared_ptr<OpenedModel> model;
  std::optional<ModelTensors> tensors;
};

// digest, files and the handle.
Napi::Value ModelOf(Napi::Env env, std::shared_ptr<Lease> lease);

// closeModel(handle, buffers): ends a lease now, and detaches the ArrayBuffers, so that stale views have no bytes instead of faulting.
void CloseModel(const Napi::CallbackInfo& info);
// viewOf(handle, file, offset, size): an ArrayBuffer over a range that is there. DEADLINE_EXCEEDED when it is not.
Napi::Value ViewOf(const Napi::CallbackInfo& info);
// waitRange(handle, file, offset, size, deadlineMs): a promise.
Napi::Value WaitRange(const Napi::CallbackInfo& info);
// tensorsOf(handle, file, deadlineMs): a promise of name, dtype, shape, offsetBytes, sizeBytes each.
Napi::Value TensorsOf(const Napi::CallbackInfo& info);
// readTensors(path, start, fileBytes): what the header in the first bytes of a file lists, or the number of bytes to come back with.
Napi::Value ReadTensors(const Napi::CallbackInfo& info);
// findTensor(handle, name): the tensor and the index of its file, if its header is there.
Napi::Value FindTensor(const Napi::CallbackInfo& info);

}  // namespace holdfast::addon

#endif  // HOLDFAST_ADDON_LEASE_H_
