// The tensors of an open model: reads the header of each file once, when it is first asked for, and waits for that part of it alone.
#ifndef HOLDFAST_MODEL_TENSORS_H_
#define HOLDFAST_MODEL_TENSORS_H_

#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/client.h"
#include "os/mutex.h"
#include "os/status.h"
#include "formats/tensor_directory.h"

namespace holdfast {

class ModelTensors {
 public:
  struct Directory {
    bool read = false;
    // BAD_MODEL_FILE when the header cannot be read: then there are no tensors.
    Status status;
    std::vector<TensorEntry> tensors;
    // Into `tensors`.
    std::unordered_map<std::string_view, size_t> by_name;
  };

  // `model` outlives this.
  explicit ModelTensors(const OpenedModel* model) : model_(model), directories_(model->files().size()) {}

  // The tensors of the file, which exists. Once given, a directory stays as it is. From any thread.
  Status Of(size_t file, uint64_t deadline_ms, const Directory** directory);
  // In the first file that has it; a file whose header cannot be read is passed over. When none has it: UNKNOWN_MODEL, or BAD_MODEL_FILE
  // of the first file that could not be read.
  Status Find(std::string_view name, uint64_t deadline_ms, size_t* file, const TensorEntry** tensor);

 private:
  Status Read(size_t file, uint64_t deadline_ms, Directory* directory) const;

  const OpenedModel* const model_;
  Mutex mutex_;
  std::vector<Directory> directories_ GUARDED_BY(mutex_);
};

}  // namespace holdfast

#endif  // HOLDFAST_MODEL_TENSORS_H_
