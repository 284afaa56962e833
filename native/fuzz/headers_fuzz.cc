// libFuzzer: the headers of safetensors and GGUF files. The first byte says which, and how much of the file is there.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "formats/tensor_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  using namespace holdfast;
  if (size_bytes == 0) return 0;
  const uint8_t kind = *data++;
  size_bytes--;
  HeaderBytes bytes;
  bytes.data = data;
  bytes.size_bytes = size_bytes;
  // A file that goes on behind the bytes at hand, by up to a gigabyte.
  bytes.file_bytes = size_bytes + (kind & 2 ? uint64_t{1} << (kind >> 3) % 31 : 0);
  HeaderLimits limits;
  if (kind & 4) limits.tensors_max = 4;
  uint64_t needed_bytes = 0;
  std::vector<TensorEntry> tensors;
  const Status status = kind & 1 ? ParseGguf(bytes, limits, &needed_bytes, &tensors) : ParseSafetensors(bytes, limits, &needed_bytes, &tensors);
  if (!status.ok() && !status.Is(code::kBadModelFile)) std::abort();
  if (needed_bytes > 0 && (needed_bytes <= size_bytes || needed_bytes > bytes.file_bytes || !tensors.empty())) std::abort();
  uint64_t end_bytes = 0;
  for (const TensorEntry& tensor : tensors) {
    if (tensor.offset_bytes < end_bytes || tensor.name.size() > limits.name_bytes_max || tensor.shape.size() > limits.rank_max) std::abort();
    end_bytes = tensor.offset_bytes + tensor.size_bytes;
    if (end_bytes < tensor.offset_bytes || end_bytes > bytes.file_bytes) std::abort();
  }
  return 0;
}
